--- Records to write. They are gathered and written once, so that a thousand jobs cost one command.
--- @keys jobs
--- @needs chunks record

local new_records = {}

local function add_record(id, text)
  local count = #new_records
  new_records[count + 1] = id
  new_records[count + 2] = text
end

local function save(job)
  add_record(job.id, write_record(job))
end

local function commit_records()
  call_in_chunks("HSET", jobs, new_records)
  new_records = {}
end
