-- What the keys of a running Redis server take, by kind: how many, and the bytes of one on average
-- and at most. Ids and numbers of pages are not told apart. The server does nothing else meanwhile.
-- Usage: redis-cli -p PORT --eval redis-keys.lua
local ID = string.rep('%x', 24)

local kinds, cursor = {}, '0'
repeat
  local found = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = found[1]
  for _, key in ipairs(found[2]) do
    local kind = string.gsub(string.gsub(key, ID, '*'), ':%d+$', ':*')
    local bytes = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)
    local sums = kinds[kind] or { 0, 0, 0 }
    kinds[kind] = { sums[1] + 1, sums[2] + bytes, math.max(sums[3], bytes) }
  end
until cursor == '0'

local lines = {}
for kind, sums in pairs(kinds) do
  lines[#lines + 1] = string.format('%s: %d keys, %d bytes each, %d at most', kind, sums[1], sums[2] / sums[1], sums[3])
end
table.sort(lines)
return lines
