-- Stands before every script, followed by prelude-floor.lua and prelude-settle.lua: loads the group's state and
-- offers the few operations that all decisions are made of. Here: keys, numbers, presence.
--
-- KEYS  1 speaker   string  user id of who holds or is being given the floor, under a time to live
--       2 presence  set     user ids that are there
--       3 floor     string  MessagePack of {format, floor, talk, pending}: read once and written once a script
--       4 rights    set     media identities that may still hold the right to publish
--       5 members   hash    session id -> connection|process|user|talk right|swap deadline[|what a later release adds]
--       6 people    hash    user id -> connections|{"userId":…,"displayName":…,"role":…}
--       7 dirty     hash    user id -> in|out, since the last PRESENCE_CHANGED; whether he is there says `people`
--       8 queue     list    waiting requests, JSON, first is next
--       9 log       list    the last payloads that carry a number
--      10 history   stream  what PostgreSQL has not stored yet
--      11 cooldown  hash    user id -> end|o, e or oe (binds ordinary requests, emergencies)|start; the end is by
--                           the limits of the talk, for releases that do not know the start
--      12 seen      set     user ids that were there since the group became live
-- floor    epoch, seq, gen, voice, dirtyAt, emptyAt, swapAt, voided, voidedCause, voidedOver; procs: process id -> end
--          of its presence lease; counts: process id -> members
-- talk     the open talk; pending: the reservation, perhaps beside an open talk that it pre-empts. '' is "none".
-- format   of all these keys. Fields that this release does not know are kept; a higher format is left alone
--          (docs/decisions/versions.md).
-- ARGV  1 group id  2 channel  3 process id  4 generation  5 void after (Redis ms, 0 = never)
--       6 quiet until (Redis ms)  7… the script's own
-- Every script returns {status, epoch, seq, now, dueInMs (-1 = nothing), withdraw, published, …its own}.
-- The constants LEASE_MS, GRACE_MS, PENDING_MS, FLUSH_MS, LINGER_MS, LOG_LENGTH stand above this file.

local K = {
  speaker = KEYS[1], presence = KEYS[2], floor = KEYS[3], rights = KEYS[4], members = KEYS[5], people = KEYS[6],
  dirty = KEYS[7], queue = KEYS[8], log = KEYS[9], history = KEYS[10], cooldown = KEYS[11], seen = KEYS[12],
}
local groupId, channel, processId = ARGV[1], ARGV[2], ARGV[3]
local generation, voidAfter, quietUntil = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local call = redis.call

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function int(n) return string.format('%.0f', n) end

local FORMAT = 1
local stored = call('GET', K.floor)
local state = stored and cmsgpack.unpack(stored) or {}
local floor, talk, pending = state.floor, state.talk, state.pending
local changed = false
-- Nobody waits, as far as this script has looked.
local isQueueEmpty = false
local published = {}

-- Nothing was read or written but the state itself: who cannot act here leaves everything as it is.
if (state.format or FORMAT) > FORMAT then return { 'newer_format', 0, 0, now, -1, {}, {} } end
if floor and tonumber(floor.gen) > generation then return { 'stale_generation', 0, 0, now, -1, {}, {} } end

-- Changes one of the three records; `reply` writes them.
local function set(record, field, value)
  record[field] = value
  changed = true
end

local function publish(payload)
  call('SPUBLISH', channel, payload)
  published[#published + 1] = payload
end

-- Numbers an event, keeps it in the log and publishes its final bytes.
local function number(kind, line, type, tail)
  local seq = int(floor.seq + 1)
  set(floor, 'seq', seq)
  local payload = '1 E ' .. floor.epoch .. ' ' .. seq .. ' ' .. kind .. line
    .. '\n{"type":"' .. type .. '","groupId":"' .. groupId .. '","epoch":' .. floor.epoch
    .. ',"seq":' .. seq .. ',' .. tail .. '}'
  if call('RPUSH', K.log, payload) > LOG_LENGTH then call('LPOP', K.log) end
  publish(payload)
end

-- Presence: one event for all changes since the last; the last state of a user wins.
local function flushPresence()
  if floor.dirtyAt == '' then return end
  local dirty = call('HGETALL', K.dirty)
  local joined, left = {}, {}
  for i = 1, #dirty, 2 do
    local person = call('HGET', K.people, dirty[i])
    if person then
      joined[#joined + 1] = string.match(person, '^%d+|(.*)$')
    else
      left[#left + 1] = '{"userId":"' .. dirty[i] .. '"}'
    end
  end
  call('DEL', K.dirty)
  set(floor, 'dirtyAt', '')
  if #dirty == 0 then return end
  number('presence', '', 'PRESENCE_CHANGED', '"joined":[' .. table.concat(joined, ',')
    .. '],"left":[' .. table.concat(left, ',')
    .. '],"presenceCount":' .. int(call('SCARD', K.presence)))
end

local function markDirty(userId, how)
  call('HSET', K.dirty, userId, how)
  if floor.dirtyAt == '' then set(floor, 'dirtyAt', int(now)) end
end

local function member(sessionId)
  local entry = call('HGET', K.members, sessionId)
  if not entry then return nil end
  local connection, process, user, right, swapAt, rest = string.match(entry, '^(.-)|(.-)|(.-)|(.-)|([^|]*)(.*)$')
  return { connection = connection, process = process, user = user, right = right, swapAt = swapAt, rest = rest }
end

local function keepMember(sessionId, m)
  call('HSET', K.members, sessionId,
    m.connection .. '|' .. m.process .. '|' .. m.user .. '|' .. m.right .. '|' .. m.swapAt .. m.rest)
end

-- How many members a process has; a replaced socket is nobody's.
local function countMember(process, change)
  set(floor.counts, process, (floor.counts[process] or 0) + change)
end

local function dropMember(sessionId, m)
  call('HDEL', K.members, sessionId)
  if m.swapAt == '' then countMember(m.process, -1) end
  local person = call('HGET', K.people, m.user)
  local count = person and tonumber(string.match(person, '^%d+')) or 1
  if count > 1 then
    call('HSET', K.people, m.user, int(count - 1) .. '|' .. string.match(person, '^%d+|(.*)$'))
  else
    call('HDEL', K.people, m.user)
    call('SREM', K.presence, m.user)
    markDirty(m.user, 'out')
  end
  if call('HLEN', K.members) == 0 then set(floor, 'emptyAt', int(now)) end
end
