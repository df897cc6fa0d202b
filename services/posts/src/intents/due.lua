-- KEYS: the set of intents alive. ARGV: now, when to look again, most of them,
-- what the names of users' intents begin with. Returns user, thing, version, … of
-- those that somebody should look for.
local due = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local user, thing = string.sub(name, 1, 24), string.sub(name, 25)
  local version = nil
  for _, layer in ipairs(read(ARGV[4] .. user, thing)) do
    if layer.phase == 'c' then
      version = layer.version
      break
    end
  end
  if version then
    redis.call('ZADD', KEYS[1], ARGV[2], name)
    due[#due + 1] = user
    due[#due + 1] = thing
    due[#due + 1] = string.format('%.0f', version)
  else
    redis.call('ZREM', KEYS[1], name)
  end
end
return due
