-- What all scripts over timelines begin with.
--
-- A timeline is a sorted set. Its members are the 12 bytes of post ids; scores
-- are the times of the posts in milliseconds, negative, so that what is new
-- goes in at the head of the listpack. The last member is none of these: `e`
-- and the life of Redis in which the timeline was completed, or `b` and who is
-- building it. Its score is the floor: older posts may be missing, and are not
-- in the set.

-- Arguments of one ZADD, fewer than fit onto Lua's stack.
local CHUNK = 1000

local function last(key)
  local entry = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  return entry[1], entry[2]
end

local function raise_floor(key, sentinel, floor)
  redis.call('ZREMRANGEBYSCORE', key, floor, '+inf')
  redis.call('ZADD', key, floor, sentinel)
end

-- Leaves the newest posts and says where they end.
local function trim(key, sentinel, kept)
  local gone = redis.call('ZRANGE', key, kept, kept, 'WITHSCORES')
  raise_floor(key, sentinel, gone[2])
end

-- Adds the entries (score, member, …) from `first` on that are above the
-- floor, which is not below `floor`. Of more than a twelfth above `kept` posts,
-- the oldest go.
local function add(key, sentinel, old_floor, floor, kept, entries, first)
  if tonumber(floor) < tonumber(old_floor) then
    raise_floor(key, sentinel, floor)
  else
    floor = old_floor
  end
  local bound, added = tonumber(floor), {}
  for n = first, #entries, 2 do
    if tonumber(entries[n]) < bound then
      added[#added + 1] = entries[n]
      added[#added + 1] = entries[n + 1]
      if #added == CHUNK then
        redis.call('ZADD', key, unpack(added))
        added = {}
      end
    end
  end
  if #added > 0 then redis.call('ZADD', key, unpack(added)) end
  if redis.call('ZCARD', key) > kept + kept / 12 + 1 then trim(key, sentinel, kept) end
end
