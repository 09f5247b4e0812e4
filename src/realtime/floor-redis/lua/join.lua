-- Makes a connection present, or finds it present, and tells what it came into.
-- ARGV  7 session  8 connection  9 user  10 talk right  11 person JSON  12 voice session id, should the group
--      become live  13 since epoch (-1 = none)  14 since seq  15 most members to name
--      16 last epoch that the process saw (0 = none)  17 only finds its place again (1|0)
--      18 may make the group live (1|0): the process has just made sure which life of the store this is
-- returns 'not_live' | 'joined', …, open talk, presence, presence count, missed or '', connections,
--      voice session id
local sessionId, connectionId, userId, right, person = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

-- Whether a description says what is not known yet. One with fewer fields, of an older release, does not.
local function saysMore(fragment, known)
  if fragment == known then return false end
  local before = known ~= '' and cjson.decode(known) or {}
  for field, value in pairs(cjson.decode(fragment)) do
    if before[field] ~= value then return true end
  end
  return false
end

local function addPerson(userId, fragment)
  local person = call('HGET', K.people, userId)
  local count, known = string.match(person or '0|', '^(%d+)|(.*)$')
  local isNews = saysMore(fragment, known)
  call('HSET', K.people, userId, int(count + 1) .. '|' .. (isNews and fragment or known))
  if not person then
    call('SADD', K.presence, userId)
    call('SADD', K.seen, userId)
  end
  if isNews then markDirty(userId, 'in') end
end

-- A user who is there already: under a new name or role he is announced again.
local function renamePerson(userId, fragment)
  local person = call('HGET', K.people, userId)
  local count, known = string.match(person or '', '^(%d+)|(.*)$')
  if not count or not saysMore(fragment, known) then return end
  call('HSET', K.people, userId, count .. '|' .. fragment)
  markDirty(userId, 'in')
end

settle()
if not floor then
  if ARGV[18] ~= '1' then return reply('not_live') end
  floor = {
    epoch = int(math.max(generation * 4294967296 + clock[1], ARGV[16] + 1)), seq = '0', gen = int(generation), voice = ARGV[12],
    dirtyAt = '', emptyAt = '', swapAt = '', voided = '', voidedCause = '', voidedOver = '', procs = {}, counts = {},
  }
  call('XADD', K.history, '*', 'kind', 'opened', 'voice', floor.voice, 'start', int(now))
end

local function answer()
  local missed = tonumber(ARGV[13]) >= 0 and missedSince(tonumber(ARGV[13]), tonumber(ARGV[14])) or ''
  return reply('joined', snapshotFields(), presenceFragments(tonumber(ARGV[15])), call('SCARD', K.presence), missed,
    connectionCount(), floor.voice)
end

local known = member(sessionId)
-- It has come back elsewhere meanwhile.
if known and known.connection ~= connectionId and ARGV[17] == '1' then return answer() end
if not known then
  addPerson(userId, person)
else
  renamePerson(userId, person)
  -- What the old socket asked for dies with it.
  if known.connection ~= connectionId then
    leaveQueue(sessionId)
    if pending and pending.session == sessionId then
      voidPending('not_joined')
      promote()
    end
  end
end
if known and known.swapAt == '' then countMember(known.process, -1) end
countMember(processId, 1)
-- What a later release knows of this connection stays with it.
local rest = known and known.connection == connectionId and known.rest or ''
keepMember(sessionId,
  { connection = connectionId, process = processId, user = userId, right = right, swapAt = '', rest = rest })
floor.procs[processId] = now + LEASE_MS
set(floor, 'emptyAt', '')

-- Whose right was taken while his socket was gone has lost his talk with it.
if talk and talk.session == sessionId and right ~= 'allowed' then
  endTalk('removed')
  promote()
elseif talk and talk.session == sessionId and talk.connection ~= connectionId then
  talk.connection, talk.process, talk.grace, talk.lease = connectionId, processId, '', int(now + LEASE_MS)
  if not pending then moveSlot(talk.user, talk.user, LEASE_MS) end
end

return answer()
