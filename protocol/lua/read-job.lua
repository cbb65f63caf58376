--- Reads one job: its record, its result, and whether that result is recorded. Changes nothing.
--- @keys jobs results outbox errors
--- @args id
--- @needs outbox-entry

local record = redis.call("HGET", jobs, id)
if not record then return {} end
local ended = redis.call("HGET", results, id)
local lines = redis.call("HGET", errors, id) or ""
if not ended then return { record, lines } end
local entry = outbox_entry(ended)
local is_recorded = #redis.call("XRANGE", outbox, entry, entry) == 0
return { record, lines, ended, is_recorded and "1" or "0" }
