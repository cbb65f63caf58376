/**
 * Lua: a job's record, `<phase> <accepted> <deliveries> <attempts> <deadline> <node> <target> <name>\n<body>`.
 * The head is what scripts change; the body is JSON that they only ever copy (`cjson` would lose
 * the digits of large numbers and turn `[]` into `{}`). Absent words are `-`.
 */
export const recordLua = `
-- Most counts are one digit, and Lua writes a number as slowly as it concatenates ten words.
local digits, counts = { [0] = "0", "1", "2", "3" }, { ["0"] = 0, ["1"] = 1, ["2"] = 2, ["3"] = 3 }

local function read_record(id, text)
  local phase, accepted, deliveries, attempts, deadline, node, target, name, body_at =
    string.match(text, "^(%a) (%S+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+)\\n()")
  if not phase then return nil end -- somebody else's text: as good as no record
  return {
    id = id, phase = phase, accepted = accepted, deliveries = counts[deliveries] or tonumber(deliveries),
    attempts = counts[attempts] or tonumber(attempts), deadline = deadline, node = node, target = target, name = name,
    body = string.sub(text, body_at),
  }
end

local function write_record(job)
  return job.phase .. " " .. job.accepted .. " " .. (digits[job.deliveries] or job.deliveries) .. " " ..
    (digits[job.attempts] or job.attempts) .. " " ..
    job.deadline .. " " .. job.node .. " " .. job.target .. " " .. job.name .. "\\n" .. job.body
end

-- The token of the job's current delivery. Unique for ever: no two jobs with one id share a stamp.
local function token_of(job)
  return job.accepted .. "." .. (digits[job.deliveries] or job.deliveries)
end

-- The start of an envelope, up to the job's id.
local function envelope_head(node, token, attempt)
  return '{"v":1,"queue":"' .. queue .. '","node":"' .. node .. '","token":"' .. token .. '","attempt":' .. attempt .. ',"id":"'
end

local function envelope_of(job)
  local attempt = digits[job.attempts + 1] or job.attempts + 1
  return envelope_head(job.node, token_of(job), attempt) .. job.id .. '","name":"' .. job.name .. '"' .. job.body
end

-- Whether the job should have been started by now and never was.
local function is_too_late(job, now)
  return job.deadline ~= "-" and job.attempts == 0 and tonumber(job.deadline) <= now
end

local function member_of(job)
  return job.id .. " " .. token_of(job) .. " " .. job.node
end
`;
