--- Which outbox entry holds a job's result. The second word of a result's record is the entry that the result came in,
--- whose id is the time at which the job finished: `<entry>`, or `<entry>/<entry now>` once the result was moved.

local function outbox_entry(ended)
  local first, now = string.match(ended, "^%S+ ([^%s/]+)/?(%S*)")
  return now == "" and first or now
end

local function with_outbox_entry(ended, entry)
  local state, first, rest = string.match(ended, "^(%S+) ([^%s/]+)%S*( .*)$")
  return state .. " " .. first .. "/" .. entry .. rest
end
