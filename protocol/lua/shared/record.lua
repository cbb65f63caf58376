--- A job's record: `<phase> <accepted> <deliveries> <attempts> <deadline> <node> <target> <name>\n<body>`; `attempts`
--- are those used up. Scripts change the head; the body is JSON that they only copy (`cjson` would lose the digits of
--- large numbers and turn `[]` into `{}`). Absent words are `-`. Nothing else knows the format.

-- Most counts are one digit, and Lua writes a number as slowly as it concatenates ten words.
local digits = { [0] = "0", "1", "2", "3" }
local counts = { ["0"] = 0, ["1"] = 1, ["2"] = 2, ["3"] = 3 }

-- Nil for text of another format, which is as good as no record.
local function read_record(id, text)
  local phase, accepted, deliveries, attempts_used, deadline, node, target, name, body_at =
    string.match(text, "^(%a) (%S+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+)\n()")
  if not phase then return nil end
  return {
    id = id,
    phase = phase,
    accepted = accepted,
    deliveries = counts[deliveries] or tonumber(deliveries),
    attempts_used = counts[attempts_used] or tonumber(attempts_used),
    deadline = deadline,
    node = node,
    target = target,
    name = name,
    body = string.sub(text, body_at),
  }
end

local function write_record(job)
  return job.phase
    .. " "
    .. job.accepted
    .. " "
    .. (digits[job.deliveries] or job.deliveries)
    .. " "
    .. (digits[job.attempts_used] or job.attempts_used)
    .. " "
    .. job.deadline
    .. " "
    .. job.node
    .. " "
    .. job.target
    .. " "
    .. job.name
    .. "\n"
    .. job.body
end

-- A plain job has no deadline and no target. Its record is this, `<name>\n<body>`; counts are text here.
local function plain_head(phase, accepted, deliveries, attempts_used, node)
  return phase .. " " .. accepted .. " " .. deliveries .. " " .. attempts_used .. " - " .. node .. " - "
end

-- Starts a plain job that waits at a node, as most that wait are: its text is copied, not read. Answers its new record,
-- token, attempt, name and body; nil for any other job.
local function start_plain(text, node)
  local accepted, deliveries, attempts_used, name_at, name, body_at =
    string.match(text, "^Q (%S+) (%d+) (%d+) %- %- %- ()(%S+)\n()")
  local delivery = accepted and counts[deliveries] and digits[counts[deliveries] + 1]
  local attempt = delivery and counts[attempts_used] and digits[counts[attempts_used] + 1]
  if not attempt then return nil end
  local record = plain_head("R", accepted, delivery, attempts_used, node) .. string.sub(text, name_at)
  return record, accepted .. "." .. delivery, attempt, name, string.sub(text, body_at)
end
