/**
 * Lua: ends jobs that no node reports on, for `failed` (out of attempts), `expired` (not started in
 * time) and `cancelled`. `commit_ends` writes all of them at once; call it after `place.ts`'s `commit`.
 */
export const endLua = `
local ending_texts, ending_fields, ending_failures = {}, {}, {}

local function json_error(code, message, retryable)
  return '{"code":"' .. code .. '","message":"' .. message .. '","retryable":' .. retryable .. "}"
end

-- Remembers why an attempt failed; the last ten are kept.
local function remember_error(id, attempt, node, error_json)
  local line = '{"attempt":' .. attempt .. ',"node":"' .. node .. '","at":' .. string.format("%.0f", now) ..
    ',"error":' .. error_json .. "}"
  local lines = { line }
  for earlier in string.gmatch(redis.call("HGET", errors, id) or "", "[^\\n]+") do
    lines[#lines + 1] = earlier
    if #lines == 10 then break end
  end
  redis.call("HSET", errors, id, table.concat(lines, "\\n"))
end

local function end_job(job, state, error_json)
  local text = '{"v":1,"id":"' .. job.id .. '","name":"' .. job.name .. '","queue":"' .. queue ..
    '","node":"' .. job.node .. '","token":"' .. token_of(job) .. '","attempt":' .. math.max(1, job.attempts) ..
    ',"state":"' .. state .. '","error":' .. error_json .. "}"
  ending_texts[#ending_texts + 1] = text
  ending_fields[#ending_fields + 1] = { job = job, state = state, text = text }
  unqueue(job)
  job.phase = "E"
  save(job)
end

-- An attempt is lost with its node. True: the job is to be given out again. Ten deliveries without a
-- sign of life about: every node, or the job, is beyond help.
local function survives_loss(job, was_heard, node)
  if was_heard then
    job.attempts = job.attempts + 1
    remember_error(job.id, job.attempts, node, json_error("attempt_lost", "its node died or was cut off", "true"))
  end
  local allowed = tonumber(string.match(job.body, '^,"attempts":(%d+)') or 3)
  if job.phase == "C" then
    end_job(job, "cancelled", json_error("cancelled", "cancelled while it ran; its node was not heard of again", "false"))
  elseif is_too_late(job, now) then
    end_job(job, "expired", json_error("expired", "not started before its deadline", "false"))
  elseif job.attempts >= allowed then
    end_job(job, "failed", json_error("attempt_lost", "the node of the last attempt allowed died or was cut off", "true"))
  elseif not was_heard and job.deliveries - job.attempts >= 10 then
    end_job(job, "failed", json_error("undeliverable", "ten deliveries ended without a sign of life", "false"))
  else
    return true
  end
  return false
end

-- Where a schedule's runs wait for one another, the end of one makes the schedule due. Ids of such runs end
-- on a +. A caller's own job of such an id harms nothing: only what is in the set already is moved.
local function follow_runs(ids, moment)
  local marks = {}
  for _, id in ipairs(ids) do
    local of = string.match(id, "^([^@]+)@[^@]*%+$")
    if of then
      marks[#marks + 1] = score(moment)
      marks[#marks + 1] = "/" .. of
    end
  end
  if #marks == 0 then return end
  redis.call("ZADD", due, "XX", "LT", unpack(marks))
  redis.call("PUBLISH", control, '{"v":1,"queue":"' .. queue .. '","dueInMs":0}')
end

local function commit_ends()
  if #ending_texts == 0 then return end
  local batch = #ending_texts == 1 and ending_texts[1] or "[" .. table.concat(ending_texts, ",") .. "]"
  local entry, fields, failures, ids = redis.call("XADD", outbox, clock, "results", batch), {}, {}, {}
  for i, ending in ipairs(ending_fields) do
    local job = ending.job
    ids[i] = job.id
    fields[#fields + 1] = job.id
    fields[#fields + 1] = table.concat({ ending.state, entry, token_of(job), job.node }, " ") .. "\\n" .. ending.text
    if ending.state == "failed" then
      failures[#failures + 1] = stamp_ms(entry)
      failures[#failures + 1] = job.id
    end
  end
  call_in_chunks("HSET", results, fields)
  call_in_chunks("ZADD", failed, failures)
  redis.call("PUBLISH", results_channel, batch)
  follow_runs(ids, stamp_ms(entry))
end
`;
