--- The record of a schedule. Scripts change its first line:
--- `<state> <version>.<step> <anchor> <covers> <moved> <next> <made> <last> <overlap> <source> <created> <updated> <waiting>`, and
--- ` <catch up>` while missed times are made up for.
--- The lines after it they only copy: plan, `<name> <target> <ttl>`, options and payload of its jobs, error.

local function read_schedule(id, text)
  local head, content, fault = string.match(text, "^([^\n]*)\n([^\n]*\n[^\n]*\n[^\n]*\n[^\n]*)\n(.*)$")
  if not head then return nil end
  local words, catch_up = string.match(head, "^(%S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+) (%S+)$")
  local s = { id = id, content = content, fault = fault, catch_up = catch_up or "-" }
  s.state, s.nonce, s.step, s.anchor, s.covers, s.moved, s.next, s.made, s.last, s.overlap, s.source, s.created, s.updated, s.waiting =
    string.match(
      words or head,
      "^(%a) (%S+)%.(%d+) (%S+) (%S+) (%S+) (%S+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$"
    )
  if not s.state then return nil end
  s.version, s.made = s.nonce .. "." .. s.step, tonumber(s.made)
  return s
end

local function write_schedule(s)
  local head = {
    s.state,
    s.nonce .. "." .. s.step,
    s.anchor,
    s.covers,
    s.moved,
    s.next,
    s.made,
    s.last,
    s.overlap,
    s.source,
    s.created,
    s.updated,
    s.waiting,
    s.catch_up ~= "-" and s.catch_up or nil,
  }
  return table.concat(head, " ") .. "\n" .. s.content .. "\n" .. s.fault
end

-- What clients work out times from: no payloads.
local function clockwork_of(text)
  return string.match(text, "^[^\n]*\n[^\n]*") or text
end

-- The name, target and time to live of its jobs, their options and their payload.
local function template_of(s)
  local line, options, payload = string.match(s.content, "^[^\n]*\n([^\n]*)\n([^\n]*)\n(.*)$")
  local name, target, ttl = string.match(line, "^(%S+) (%S+) (%S+)$")
  return { name = name, target = target, ttl = tonumber(ttl), options = options, payload = payload }
end
