-- Stands between the prelude and the scripts that tell what is.

local function connectionCount()
  local count = 0
  for _, members in pairs(floor and floor.counts or {}) do count = count + members end
  return count
end

local function snapshotFields()
  local open = {}
  if talk then
    open = { talk.id, talk.stream, talk.speaker, talk.session, talk.emergency, int(now - talk.start), int(remainingMs()) }
  end
  return open
end

-- Payloads after a position of the log, or false when it does not reach back to it.
local function missedSince(epoch, seq)
  if not floor or epoch ~= tonumber(floor.epoch) then return false end
  local count = floor.seq - seq
  if count < 0 or count > call('LLEN', K.log) then return false end
  if count == 0 then return {} end
  return call('LRANGE', K.log, -count, -1)
end

local function presenceFragments(limit)
  local fragments = {}
  for _, person in ipairs(call('HVALS', K.people)) do
    if #fragments >= limit then break end
    fragments[#fragments + 1] = string.match(person, '^%d+|(.*)$')
  end
  return fragments
end
