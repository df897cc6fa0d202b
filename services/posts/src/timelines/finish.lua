-- KEYS: a timeline. ARGV: the sentinel of a complete one, that of the builder,
-- the seconds that it lives, the floor of what is added, the posts that are
-- kept, then score and member of each post. Returns whether it is complete.
local sentinel, floor = last(KEYS[1])
if sentinel ~= ARGV[2] then return 0 end
add(KEYS[1], sentinel, floor, ARGV[4], tonumber(ARGV[5]), ARGV, 6)
floor = select(2, last(KEYS[1]))
raise_floor(KEYS[1], ARGV[1], floor)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
