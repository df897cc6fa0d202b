-- KEYS: decayed scores. ARGV: the most members, then member and the score that
-- it has at least, of each.
for n = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'GT', ARGV[n + 1], ARGV[n])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
