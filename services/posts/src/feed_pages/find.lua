-- KEYS: a page, the stamp of the feed, what was touched, the user's intents.
-- ARGV: the epoch, a stamp for a feed that has none, the seconds it is kept.
-- Returns the stamp, the time in microseconds, when something was touched
-- last, whether there are intents, and the page if it is good.
--
-- A page begins with the epoch and the stamp (8 bytes each) and the time at
-- which its making began (16 digits). Then, each list with its length in four
-- digits: the authors that were merged into it, 24 bytes of id in hex and 8 of
-- stamp each, and its posts, 40 bytes that begin with their own id and that of
-- their author.
local epoch = ARGV[1]
local stamp = redis.call('GET', KEYS[2])
if not stamp then
  stamp = ARGV[2]
  redis.call('SET', KEYS[2], stamp, 'EX', ARGV[3])
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local newest = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
local touched = newest[2] or '0'
local has_intents = redis.call('EXISTS', KEYS[4])
local miss = { stamp, now, touched, has_intents, false }

local page = redis.call('GET', KEYS[1])
if not page or string.sub(page, 1, 16) ~= epoch .. stamp then return miss end

local at = 33
local count = tonumber(string.sub(page, at, at + 3))
at = at + 4
for _ = 1, count do
  local author, seen = string.sub(page, at, at + 23), string.sub(page, at + 24, at + 31)
  if redis.call('GET', 'author:' .. author .. ':ver') ~= seen then return miss end
  at = at + 32
end

local made = tonumber(string.sub(page, 17, 32))
if tonumber(touched) >= made then
  count = tonumber(string.sub(page, at, at + 3))
  at = at + 4
  local ids = {}
  for n = 1, count do
    ids[2 * n - 1] = string.sub(page, at, at + 11)
    ids[2 * n] = string.sub(page, at + 12, at + 23)
    at = at + 40
  end
  if count > 0 then
    for _, when in ipairs(redis.call('ZMSCORE', KEYS[3], unpack(ids))) do
      if when and tonumber(when) >= made then return miss end
    end
  end
end
return { stamp, now, touched, has_intents, page }
