--- Stores how jobs ended, and says so. A result's record is `<state> <outbox entry> <token> <node>\n<result message>`;
--- `outbox-entry` says what becomes of its second word.
--- Results are gathered and written together; commit them after the records.
--- @keys results outbox failed
--- @args results_channel clock
--- @needs chunks clock follow-runs

local new_results, new_texts = {}, {}

local function write_result(state, entry, token, node, text)
  return state .. " " .. entry .. " " .. token .. " " .. node .. "\n" .. text
end

-- One list of words: a table for each result would take longer than all else that is done with it.
local function add_result(id, state, token, node, text)
  local count = #new_results
  new_results[count + 1] = id
  new_results[count + 2] = state
  new_results[count + 3] = token
  new_results[count + 4] = node
  new_texts[#new_texts + 1] = text
end

-- Answers the outbox entry that holds the results; nil if there are none.
local function commit_results()
  if #new_texts == 0 then return nil end
  local batch = #new_texts == 1 and new_texts[1] or "[" .. table.concat(new_texts, ",") .. "]"
  local entry = redis.call("XADD", outbox, clock, "results", batch)
  local entry_ms = stamp_ms(entry)
  local ids, fields, failures = {}, {}, {}
  for i = 1, #new_texts do
    local at = i * 4
    local id, state = new_results[at - 3], new_results[at - 2]
    ids[i] = id
    fields[i * 2 - 1] = id
    fields[i * 2] = write_result(state, entry, new_results[at - 1], new_results[at], new_texts[i])
    if state == "failed" then
      failures[#failures + 1] = entry_ms
      failures[#failures + 1] = id
    end
  end
  call_in_chunks("HSET", results, fields)
  call_in_chunks("ZADD", failed, failures)
  redis.call("PUBLISH", results_channel, batch)
  follow_runs(ids, entry_ms)
  new_results, new_texts = {}, {}
  return entry
end
