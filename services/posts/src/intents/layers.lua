-- What all scripts over intents begin with.
--
-- A field of the hash is a thing that can be liked. Its value is what the user asked for there,
-- newest first, as layers of four words: version, phase, milliseconds, state.
-- The phase is `u` (the broker has not confirmed it), `c` (it has) or `a` (it
-- is applied). Versions are microseconds, exact in a double until the year 2255.

-- The field that counts the things with a layer that is not applied.
local OPEN = 'open'
-- Seconds that intents are kept once all are applied, and if they never are.
local KEPT, LOST = 120, 604800

local function is_open(layers)
  for _, layer in ipairs(layers) do
    if layer.phase ~= 'a' then return true end
  end
  return false
end

local function parse(text)
  local layers = {}
  for version, phase, at, state in string.gmatch(text or '', '(%d+) (%l) (%d+) (%S+)') do
    layers[#layers + 1] = { version = tonumber(version), phase = phase, at = tonumber(at), state = state }
  end
  return layers, is_open(layers)
end

local function read(key, thing)
  return parse(redis.call('HGET', key, thing))
end

-- Replaces the layers of a thing; the key lives for as long as it is of use. Its
-- life is another one only when a thing opens or closes.
local function write(key, thing, layers, was_open)
  if #layers == 0 then
    redis.call('HDEL', key, thing)
  else
    local words = {}
    for i, layer in ipairs(layers) do
      words[i] = string.format('%.0f %s %.0f %s', layer.version, layer.phase, layer.at, layer.state)
    end
    redis.call('HSET', key, thing, table.concat(words, ' '))
  end
  local opens = is_open(layers)
  if opens ~= was_open then
    local open = redis.call('HINCRBY', key, OPEN, opens and 1 or -1)
    redis.call('EXPIRE', key, open > 0 and LOST or KEPT)
  end
end

-- The intents alive are known by user and thing: 24 characters each.
local function member(key, thing)
  return string.sub(key, -24) .. thing
end
