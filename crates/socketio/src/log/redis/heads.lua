-- KEYS: logs. Returns the last id of each, nil for one that does not exist.

local heads = {}
for i, log in ipairs(KEYS) do heads[i] = last_id(log) end
return heads
