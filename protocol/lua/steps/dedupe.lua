--- Deduplication by key. The key's entry names the job that holds it, for the window.
--- - `reject`, `return`: no new job while the window lasts; the answer names the holder.
--- - `replace`: a holder that was never started gets the new content, and keeps its id, place and node; also its start
---   and deadline, unless the new job states others.
--- - `debounce`: as `replace`, and it starts only when the window has passed without another.
--- Once the holder runs or has ended, `replace` and `debounce` accept a new job.
---
--- Content that is signed is signed for the id and the node under which it is run. Where those are the holder's the job
--- is `missigned`: nothing is changed, and the client signs for the holder and sends it again.
---
--- A holder whose content was replaced must still know its own request when that is repeated: its body then ends on the
--- digest of the content that it was dispatched with. Until then the digest is the entry's second word, `=<digest>`.
---
--- The entry goes on with the last jobs that were absorbed so, `<id>,<holder>`: no record is made of them, and a
--- request that is repeated after a lost answer must not become a job when the holder has started.
--- @keys jobs
--- @args dedupe_base
--- @needs record

local most_absorbed, holders = 16, {}

local function find_holder(id, pending)
  local holder = pending[id] or holders[id]
  if not holder then
    local record = redis.call("HGET", jobs, id)
    holder = record and read_record(id, record)
    if holder then holder.is_stored = true end
    holders[id] = holder
  end
  return holder
end

-- The holder's entry, or the job's own, and those who were absorbed before: the latest first.
local function key_entry(head, absorbed)
  local words = { head }
  for word in string.gmatch(absorbed or "", "%S+") do
    if #words < most_absorbed then words[#words + 1] = word end
  end
  return table.concat(words, " ")
end

-- A holder in the same call is changed directly; one that is stored is changed at the end.
local function give_content(holder, job)
  local original = string.match(holder.body, ',"original":"(%x+)"}$') or holder.digest
  local mark = original and ',"original":"' .. original .. '"}' or "}"
  holder.name, holder.body, holder.is_changed =
    job.name, string.sub(job.body, 1, -2) .. mark, holder.is_stored
  if holder.is_stored then
    if job.at ~= "-" then holder.new_at = job.at end
    if job.deadline ~= "-" then holder.new_deadline = job.deadline end
  else
    if job.at ~= "-" then holder.at = job.at end
    if job.deadline ~= "-" then holder.deadline = job.deadline end
  end
end

-- Sets job.held_by, job.verdict where a holder stands for the job; else takes the key for it.
local function deduplicate(job, pending)
  local mode, window, place, digest, key = string.match(job.dedupe, "^(%a+) (%d+) (%S+) (%x+) (.+)$")
  key, job.digest = dedupe_base .. key, digest
  local holder_id, absorbed = string.match(redis.call("GET", key) or "", "^(%S+)(.*)$")
  local held_digest, others = string.match(absorbed or "", "^ =(%x+)(.*)$")
  absorbed = others or absorbed
  local before = absorbed
    and string.match(absorbed .. " ", " " .. string.gsub(job.id, "%p", "%%%0") .. ",(%S+) ")
  local holder = holder_id and find_holder(before or holder_id, pending)
  if holder and (mode == "reject" or mode == "return") then
    job.held_by, job.verdict = holder, mode == "reject" and "rejected" or "returned"
    return
  end
  local verdict = mode == "replace" and "replaced" or "debounced"
  if holder and before then
    job.held_by, job.verdict = holder, verdict
    return
  end
  local is_waiting = holder and holder.attempts_used == 0 and (holder.phase == "Q" or holder.phase == "D")
  local keeper = is_waiting and holder or job
  if place ~= "-" and place ~= keeper.id .. "/" .. keeper.target then
    job.held_by, job.verdict = keeper, "missigned"
    return
  end
  if mode == "debounce" then job.at = "+" .. window end
  local head = is_waiting and holder_id .. " " .. job.id .. "," .. holder_id or job.id .. " =" .. digest
  local entry = key_entry(head, absorbed)
  if is_waiting and mode ~= "debounce" then
    redis.call("SET", key, entry, "KEEPTTL")
  else
    redis.call("SET", key, entry, "PX", window)
  end
  if not is_waiting then return end
  holder.digest = holder.digest or held_digest
  give_content(holder, job)
  job.held_by, job.verdict = holder, verdict
end
