--- Lists the failed set, latest failure first: at most `limit` jobs and about 4 MiB. Changes nothing.
--- @keys jobs results failed
--- @args offset limit

local found = redis.call("ZREVRANGE", failed, offset, offset + limit - 1, "WITHSCORES")
local ids, rows, bytes = {}, {}, 0
for i = 1, #found, 2 do
  ids[#ids + 1] = found[i]
end
if #ids == 0 then return { 0, rows } end
local records, endings = redis.call("HMGET", jobs, unpack(ids)), redis.call("HMGET", results, unpack(ids))
local examined = 0
for i, id in ipairs(ids) do
  if records[i] and endings[i] then
    bytes = bytes + #endings[i]
    if bytes > 4194304 and #rows > 0 then break end
    rows[#rows + 1] = { id, found[i * 2], string.match(records[i], "^[^\n]*"), endings[i] }
  end
  examined = examined + 1
end
return { examined, rows }
