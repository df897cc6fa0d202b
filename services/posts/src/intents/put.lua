-- KEYS: the user's intents. ARGV: thing, state, the caller's microseconds and
-- milliseconds, the smallest version allowed, how long a layer that is not
-- confirmed counts.
local thing, state = ARGV[1], ARGV[2]
local micros, millis, smallest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local oldest = millis - tonumber(ARGV[6])

-- Fields looked through for what is of no use any more, once per as many.
local PURGED_AT = 128
-- Microseconds by which the caller's clock may be ahead and still be believed.
local AHEAD = 1000000

local function useful(layers)
  local kept = {}
  for _, layer in ipairs(layers) do
    if layer.phase == 'c' and layer.at > millis - LOST * 1000
      or layer.phase == 'u' and layer.at > oldest
      or layer.phase == 'a' and layer.at > millis - KEPT * 1000
    then
      kept[#kept + 1] = layer
    end
  end
  return kept
end

local function purge()
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    if fields[i] ~= OPEN then
      local layers, was_open = parse(fields[i + 1])
      local kept = useful(layers)
      if #kept < #layers then write(KEYS[1], fields[i], kept, was_open) end
    end
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local version = math.max(now, math.min(micros, now + AHEAD), smallest)
local layers, was_open = read(KEYS[1], thing)
if layers[1] then
  version = math.max(version, layers[1].version + 1)
  layers = useful(layers)
else
  local count = redis.call('HLEN', KEYS[1])
  if count > 0 and count % PURGED_AT == 0 then purge() end
end
table.insert(layers, 1, { version = version, phase = 'u', at = millis, state = state })
write(KEYS[1], thing, layers, was_open)
return string.format('%.0f', version)
