-- KEYS: a timeline. ARGV: the sentinel of a complete one, that of the builder,
-- the seconds that building may take. Returns whether to build it.
local sentinel = last(KEYS[1])
if sentinel == ARGV[1] or sentinel and string.sub(sentinel, 1, 1) == 'b' then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], '+inf', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
