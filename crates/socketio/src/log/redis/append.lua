-- Appends an event to a log that exists.
-- KEYS: the log, its ids (a sorted set, by when in ms), the run.
-- ARGV: arguments of the event, most entries, id of the event or '', how long
-- ids are kept in ms, socket that does not get it or none.
-- Returns the id of the entry, 'nobody' or 'repeated'.

local log, ids, run = unpack(KEYS)
local args, most, id, kept, except = unpack(ARGV)

local last = last_id(log)
if not last then return 'nobody' end

local now = clock()
if id ~= '' then
  local oldest = math.floor(now / 1000) - kept
  redis.call('ZREMRANGEBYSCORE', ids, '-inf', oldest)
  if redis.call('ZADD', ids, 'NX', math.floor(now / 1000), id) == 0 then return 'repeated' end
  redis.call('PEXPIRE', ids, kept)
end

local fields = {'args', args}
if except then
  table.insert(fields, 'except')
  table.insert(fields, except)
end

-- A Redis that was restarted may have forgotten the last entries, and must not
-- give out their ids a second time: its own have another epoch. The entry names
-- the one that it follows, so that those who have had that one may go on.
local epoch = string.match(last, '^%d+')
if tonumber(epoch) < run_began(run, now) then
  epoch = string.format('%.0f', math.max(now, tonumber(epoch) + 1))
  table.insert(fields, 'follows')
  table.insert(fields, last)
end
return redis.call('XADD', log, 'MAXLEN', '=', most, epoch .. '-*', unpack(fields))
