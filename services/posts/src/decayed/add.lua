-- KEYS: decayed scores. ARGV: the most members, then member and score to be
-- added to its own, of each. Scores are logarithms to the base 2 of sums.
for n = 2, #ARGV, 2 do
  local score = tonumber(ARGV[n + 1])
  local old = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[n]))
  if old then
    local high, low = math.max(old, score), math.min(old, score)
    score = high + math.log(1 + 2 ^ (low - high)) / math.log(2)
  end
  redis.call('ZADD', KEYS[1], string.format('%.17g', score), ARGV[n])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
