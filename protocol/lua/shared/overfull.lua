--- Nodes that hold more leases than slots, because they joined with fewer slots than attempts they run. The end of such
--- an attempt frees no slot. Two members of `leases`, `over:<node>` and `over2:<node>`, mark the node: removed together
--- with the lease of an attempt, they cost no command. Both are there or neither, so the count says what was removed.
--- They stand only beside leases of the node.
--- @keys leases
--- @needs attempt

-- Adds the marks of a node to members that are to be removed.
local function add_marks(members, node)
  members[#members + 1] = "over:" .. node
  members[#members + 1] = "over2:" .. node
end

-- Removes a lease and the marks of its node. Answers whether it was held, and whether the node was marked.
local function take_lease(id, token, node)
  local members = { lease_member(id, token, node) }
  add_marks(members, node)
  local removed = redis.call("ZREM", leases, unpack(members))
  return removed % 2 == 1, removed > 1
end
