--- Keeps a report of a running attempt and publishes that there is one.
--- @keys leases reports
--- @args member kept keep_ms clock channel notice report

if not redis.call("ZSCORE", leases, member) then return "0" end
local entry = redis.call("XADD", reports, "MAXLEN", kept, clock, "report", report)
redis.call("PEXPIRE", reports, keep_ms)
redis.call("PUBLISH", channel, notice .. entry .. '"}')
return "1"
