--- Where a schedule's runs wait for one another, the end of one makes the schedule due.
--- @keys due
--- @needs score messages

-- Ids of such runs end on a +. A client's own job of such an id harms nothing: only what is in the set already is moved.
local function follow_runs(ids, ms)
  local marks = {}
  for _, id in ipairs(ids) do
    local schedule_id = string.match(id, "^([^@]+)@[^@]*%+$")
    if schedule_id then
      marks[#marks + 1] = score(ms)
      marks[#marks + 1] = "/" .. schedule_id
    end
  end
  if #marks == 0 then return end
  redis.call("ZADD", due, "XX", "LT", unpack(marks))
  tell_due(0)
end
