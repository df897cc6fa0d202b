-- Creates a log if there is none, and touches it.
-- KEYS: the log, its ids, the run. ARGV: life of the log in ms.
-- Returns the last id.

local log, ids, run = unpack(KEYS)
local last = last_id(log)
if not last then
  local now = clock()
  run_began(run, now)
  -- What an earlier log of the name has taken is not in this one.
  redis.call('DEL', ids)
  -- A stream has no last id before its first entry; readers pass over this one.
  last = redis.call('XADD', log, string.format('%.0f-0', now), 'open', 1)
end
redis.call('PEXPIRE', log, ARGV[1])
return last
