-- KEYS: a timeline and the stamp of its feed, for each user. ARGV: the floor of
-- what is added, the posts that are kept, then score and member of each post.
-- Returns how many have a timeline.
local call, floor, written = redis.call, ARGV[1], 0
local kept, bound = tonumber(ARGV[2]), tonumber(floor)
local is_one, score = #ARGV == 4 and bound == math.huge, tonumber(ARGV[3])
local most = kept + kept / 12 + 1
for n = 1, #KEYS, 2 do
  local key = KEYS[n]
  local entry = call('ZRANGE', key, -1, -1, 'WITHSCORES')
  local sentinel = entry[1]
  if sentinel then
    written = written + 1
    if not is_one then
      add(key, sentinel, entry[2], floor, kept, ARGV, 3)
    elseif score < tonumber(entry[2]) then
      -- What happens most often by far: a post goes to many.
      call('ZADD', key, ARGV[3], ARGV[4])
      if call('ZCARD', key) > most then trim(key, sentinel, kept) end
    end
  end
  call('UNLINK', KEYS[n + 1])
end
return written
