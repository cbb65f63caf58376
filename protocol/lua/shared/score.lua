--- Times as scores of sorted sets.

-- Lua prints large numbers as 1.7e+12; one decimal keeps the half that marks an acknowledged lease.
local function score(ms)
  return string.format("%.1f", ms)
end
