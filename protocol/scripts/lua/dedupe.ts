/**
 * Lua: deduplication by key. The key's entry names the job that holds it, for the window.
 * - `reject`, `return`: no new job while the window lasts; the answer names the holder.
 * - `replace`: a holder that was never started gets the new content, and keeps its id, place and node; also
 *   its start and deadline, unless the new job states others.
 * - `debounce`: as `replace`, and it starts only when the window has passed without another.
 * Once the holder runs or has ended, `replace` and `debounce` accept a new job.
 */
export const dedupeLua = `
-- Sets job.held_by, job.verdict where a holder stands for the job; else takes the key for it.
local function deduplicate(job, pending)
  local mode, window, key = string.match(job.dedupe, "^(%a+) (%d+) (.+)$")
  key = dedupe_base .. key
  local holder_id = redis.call("GET", key)
  local holder = holder_id and pending[holder_id]
  if holder_id and not holder then
    local record = redis.call("HGET", jobs, holder_id)
    holder = record and read_record(holder_id, record)
    if holder then holder.is_stored = true end
  end
  local is_waiting = holder and holder.attempts == 0 and (holder.phase == "Q" or holder.phase == "D")
  if holder and (mode == "reject" or mode == "return") then
    job.held_by, job.verdict = holder, mode == "reject" and "rejected" or "returned"
    return
  end
  if mode == "debounce" then
    job.at = "+" .. window
    if is_waiting then redis.call("SET", key, holder_id, "PX", window) end
  end
  if is_waiting then
    holder.name, holder.body, holder.is_changed = job.name, job.body, holder.is_stored
    if holder.is_stored then
      holder.new_at, holder.new_deadline = job.at, job.deadline
    else
      if job.at ~= "-" then holder.at = job.at end
      if job.deadline ~= "-" then holder.deadline = job.deadline end
    end
    job.held_by, job.verdict = holder, mode == "replace" and "replaced" or "debounced"
    return
  end
  redis.call("SET", key, job.id, "PX", window)
end
`;
