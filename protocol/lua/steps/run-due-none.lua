--- The short path of `run-due`, while nothing is due, as most calls find. It comes before the functions of the general
--- path are made.
--- @keys due
--- @needs clock now

local soonest_due = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")[2]
if not soonest_due then return { 0, 0, -1, "0", {} } end
now = read_clock()
if tonumber(soonest_due) > now then return { 0, 0, math.ceil(tonumber(soonest_due) - now), "0", {} } end
