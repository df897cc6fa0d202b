-- KEYS: the user's intents. ARGV: thing, version. What was there before holds again.
local layers, was_open = read(KEYS[1], ARGV[1])
for i, layer in ipairs(layers) do
  if layer.version == tonumber(ARGV[2]) and layer.phase == 'u' then
    table.remove(layers, i)
    write(KEYS[1], ARGV[1], layers, was_open)
    break
  end
end
