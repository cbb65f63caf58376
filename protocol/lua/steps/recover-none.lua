--- The short path of `recover`, while no lease has ended, as most calls find. It comes before the functions of the
--- general path are made.
--- @keys leases
--- @needs clock now

local soonest_end = redis.call("ZRANGE", leases, 0, 0, "WITHSCORES")[2]
if not soonest_end then return { 0, 0, -1 } end
now = read_clock()
if tonumber(soonest_end) > now then return { 0, 0, math.ceil(tonumber(soonest_end) - now) } end
