--- Writes the history of schedules: lines of JSON, the latest first.
--- @keys history
--- @needs apply-runs chunks

local function line_of(entry, today)
  return '{"at":'
    .. entry.at
    .. (entry.to and ',"to":' .. entry.to or "")
    .. words_of(entry.flags)
    .. (entry.id and ',"id":"' .. entry.id .. '","made":' .. today or "")
    .. (entry.skipped and ',"skipped":"' .. entry.skipped .. '","seen":' .. today or "")
    .. "}"
end

-- Of the schedules that did something and keep a history.
local function write_history(noted, noted_ids, today)
  if #noted == 0 then return end
  local fields = {}
  for i, before in ipairs(redis.call("HMGET", history, unpack(noted_ids))) do
    local s, lines = noted[i], {}
    for _, entry in ipairs(s.lines) do
      if #lines < s.change.keep then lines[#lines + 1] = line_of(entry, today) end
    end
    for line in string.gmatch(before or "", "[^\n]+") do
      if #lines >= s.change.keep then break end
      lines[#lines + 1] = line
    end
    fields[#fields + 1] = s.id
    fields[#fields + 1] = table.concat(lines, "\n")
  end
  call_in_chunks("HSET", history, fields)
end
