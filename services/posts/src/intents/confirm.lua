-- KEYS: the users' intents, one for each, then the set of intents alive.
-- ARGV: when somebody should look what became of them; then thing and version of each.
local alive, look = KEYS[#KEYS], ARGV[1]
for n = 1, #KEYS - 1 do
  local key, thing, version = KEYS[n], ARGV[2 * n], ARGV[2 * n + 1]
  local text = redis.call('HGET', key, thing) or ''
  -- Of the layers beneath, none is wanted ever again.
  local above, asked = string.match(text, '^(.-)' .. version .. ' u (%d+ %S+)')
  if asked and (above == '' or string.sub(above, -1) == ' ') then
    redis.call('HSET', key, thing, above .. version .. ' c ' .. asked)
    redis.call('ZADD', alive, look, member(key, thing))
  end
end
