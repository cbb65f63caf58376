/**
 * Lua: the record of a schedule. Its first line is what scripts change:
 * `<state> <version>.<step> <anchor> <covers> <moved> <next> <made> <last> <overlap> <source> <created> <updated> <waiting>`.
 * The lines after it they only copy: plan, `<name> <target> <ttl>`, options and payload of its jobs, error.
 */
export const scheduleLua = `
local function read_schedule(id, text)
  local head, content, fault = string.match(text, "^([^\\n]*)\\n([^\\n]*\\n[^\\n]*\\n[^\\n]*\\n[^\\n]*)\\n(.*)$")
  if not head then return nil end
  local s = { id = id, content = content, fault = fault }
  s.state, s.nonce, s.step, s.anchor, s.covers, s.moved, s.next, s.made, s.last, s.overlap, s.source, s.created,
    s.updated, s.waiting = string.match(head,
    "^(%a) (%S+)%.(%d+) (%S+) (%S+) (%S+) (%S+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$")
  if not s.state then return nil end
  s.version, s.made = s.nonce .. "." .. s.step, tonumber(s.made)
  return s
end

local function write_schedule(s)
  return table.concat({
    s.state, s.nonce .. "." .. s.step, s.anchor, s.covers, s.moved, s.next, s.made, s.last, s.overlap, s.source,
    s.created, s.updated, s.waiting,
  }, " ") .. "\\n" .. s.content .. "\\n" .. s.fault
end

-- What callers work out times from: no payloads.
local function clockwork_of(text)
  return string.match(text, "^[^\\n]*\\n[^\\n]*") or text
end
`;
