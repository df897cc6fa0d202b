-- KEYS: a timeline. ARGV: the sentinel of a complete one, the score to begin
-- at, the most entries, the seconds that it lives from now on. Returns the
-- floor and the entries, or nothing if the timeline is not to be believed.
local sentinel, floor = last(KEYS[1])
if sentinel ~= ARGV[1] then return false end
redis.call('EXPIRE', KEYS[1], ARGV[4])
local entries = redis.call('ZRANGE', KEYS[1], ARGV[2], '(' .. floor, 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
return { floor, entries }
