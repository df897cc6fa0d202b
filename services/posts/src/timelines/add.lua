-- KEYS: a timeline and the stamp of its feed, for each user. ARGV: the new
-- stamp, the floor of what is added, the posts that are kept, then score and
-- member of each post.
-- Returns how many have a timeline.
local written = 0
for n = 1, #KEYS, 2 do
  local sentinel, floor = last(KEYS[n])
  if sentinel then
    add(KEYS[n], sentinel, floor, ARGV[2], tonumber(ARGV[3]), ARGV, 4)
    written = written + 1
  end
  redis.call('SET', KEYS[n + 1], ARGV[1], 'XX', 'KEEPTTL')
end
return written
