-- KEYS: a timeline and the stamp of its feed, for each user. ARGV: the new
-- stamp, the member.
for n = 1, #KEYS, 2 do
  redis.call('ZREM', KEYS[n], ARGV[2])
  redis.call('SET', KEYS[n + 1], ARGV[1], 'XX', 'KEEPTTL')
end
