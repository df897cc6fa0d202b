-- KEYS: the users' intents, one for each, then the set of intents alive.
-- ARGV: now in milliseconds; then thing and version of each.
local alive, now = KEYS[#KEYS], tonumber(ARGV[1])
for n = 1, #KEYS - 1 do
  local key, thing, version = KEYS[n], ARGV[2 * n], tonumber(ARGV[2 * n + 1])
  local layers, was_open = read(key, thing)
  local kept, is_alive = {}, false
  for _, layer in ipairs(layers) do
    if layer.version > version then
      kept[#kept + 1] = layer
      is_alive = is_alive or layer.phase == 'c'
    else
      -- Of what is applied, the newest speaks for what came before.
      if layer.phase ~= 'a' then
        layer.phase, layer.at = 'a', now
      end
      kept[#kept + 1] = layer
      break
    end
  end
  if #layers > 0 then write(key, thing, kept, was_open) end
  if not is_alive then redis.call('ZREM', alive, member(key, thing)) end
end
