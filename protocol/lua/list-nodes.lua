--- Reads which nodes serve a queue and how many attempts each runs. Changes nothing.
--- @keys leases nodes

return { redis.call("HGETALL", nodes), redis.call("ZRANGE", leases, 0, -1) }
