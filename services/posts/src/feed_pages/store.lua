-- KEYS: a page, the stamp of the feed. ARGV: the stamp that was there when its
-- making began, the page, the seconds that it lives, those of the stamp.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1
