-- Microseconds since 1970.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Since when this run of Redis is known, by the clock above. A restart brings
-- a new run. `key` remembers it, and for the 20 ms in which no Redis has ever
-- been restarted spares asking, which takes as long as the rest of an append.
local function run_began(key, now)
  local known = redis.call('HMGET', key, 'run', 'began', 'asked')
  local age = now - (known[3] or 0)
  if 0 <= age and age < 20000 then return tonumber(known[2]) end
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local began = known[1] == run and tonumber(known[2]) or now
  local micros = '%.0f'
  redis.call('HSET', key, 'run', run, 'began', micros:format(began), 'asked', micros:format(now))
  return began
end

local function last_id(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and last[1] or false
end
