--- Failures as JSON, and why a job's attempts failed: one line each, the latest first.
--- @keys errors
--- @needs now

local function json_error(code, message, retryable)
  return '{"code":"' .. code .. '","message":"' .. message .. '","retryable":' .. retryable .. "}"
end

-- Keeps the last ten.
local function remember_error(id, attempt, node, error_json)
  local line = '{"attempt":'
    .. attempt
    .. ',"node":"'
    .. node
    .. '","at":'
    .. string.format("%.0f", now)
    .. ',"error":'
    .. error_json
    .. "}"
  local lines = { line }
  for earlier in string.gmatch(redis.call("HGET", errors, id) or "", "[^\n]+") do
    lines[#lines + 1] = earlier
    if #lines == 10 then break end
  end
  redis.call("HSET", errors, id, table.concat(lines, "\n"))
end
