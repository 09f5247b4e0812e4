-- Makes a connection present, or finds it present, and tells what it came into.
-- ARGV  7 session  8 connection  9 user  10 talk right  11 person JSON  12 voice session id, should the group
--      become live  13 since epoch (-1 = none)  14 since seq  15 most members to name
--      16 last epoch that the process saw (0 = none)
-- returns 'joined', …, open talk, presence, presence count, missed or '', voice session id
local sessionId, connectionId, userId, right, person = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

settle()
if not floor then
  floor = {
    epoch = int(math.max(generation * 4294967296 + clock[1], ARGV[16] + 1)), seq = '0', gen = int(generation), voice = ARGV[12],
    dirtyAt = '', emptyAt = '', swapAt = '', voided = '', voidedCause = '', voidedOver = '', procs = {},
  }
  call('XADD', K.history, '*', 'kind', 'opened', 'voice', floor.voice, 'start', int(now))
end

local known = member(sessionId)
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
keepMember(sessionId, { connection = connectionId, process = processId, user = userId, right = right, swapAt = '' })
floor.procs[processId] = now + LEASE_MS
set(floor, 'emptyAt', '')

if talk and talk.session == sessionId and talk.connection ~= connectionId then
  talk.connection, talk.process, talk.grace, talk.lease = connectionId, processId, '', int(now + LEASE_MS)
  if not pending then moveSlot(talk.user, talk.user, LEASE_MS) end
end

local missed = tonumber(ARGV[13]) >= 0 and missedSince(tonumber(ARGV[13]), tonumber(ARGV[14])) or ''
return reply('joined', snapshotFields(), presenceFragments(tonumber(ARGV[15])), call('SCARD', K.presence), missed,
  floor.voice)
