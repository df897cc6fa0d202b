-- KEYS: a timeline and the stamp of its feed, for each user. ARGV: the member.
for n = 1, #KEYS, 2 do
  redis.call('ZREM', KEYS[n], ARGV[1])
  redis.call('UNLINK', KEYS[n + 1])
end
