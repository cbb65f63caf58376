--- Reads the history of a schedule, and what became of its runs. Changes nothing.
--- @keys history jobs results
--- @args id

local lines, ids, states = {}, {}, {}
for line in string.gmatch(redis.call("HGET", history, id) or "", "[^\n]+") do
  lines[#lines + 1] = line
  ids[#ids + 1] = string.match(line, '"id":"([^"]+)"')
end
if #ids > 0 then
  local records, endings = redis.call("HMGET", jobs, unpack(ids)), redis.call("HMGET", results, unpack(ids))
  for i, run in ipairs(ids) do
    states[#states + 1] = run
    states[#states + 1] = string.match(endings[i] or records[i] or "", "^%S+") or ""
  end
end
return { lines, states }
