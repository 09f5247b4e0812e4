-- Stands before every script, followed by prelude-floor.lua and prelude-settle.lua: loads the group's state and
-- offers the few operations that all decisions are made of. Here: keys, numbers, presence.
--
-- KEYS  1 speaker   string  user id of who holds or is being given the floor, under a time to live
--       2 presence  set     user ids that are there
--       3 floor     hash    epoch, seq, gen, voice, dirtyAt, emptyAt, swapAt, voided, voidedCause, voidedOver
--       4 talk      hash    the open talk
--       5 pending   hash    the reservation, perhaps beside an open talk that it pre-empts
--       6 rights    set     media identities that may still hold the right to publish
--       7 members   hash    session id -> connection|process|user|talk right|swap deadline
--       8 people    hash    user id -> connections|{"userId":…,"displayName":…,"role":…}
--       9 procs     zset    process id -> end of its presence lease
--      10 dirty     hash    user id -> in|out, since the last PRESENCE_CHANGED
--      11 queue     list    waiting requests, JSON, first is next
--      12 log       list    the last payloads that carry a number
--      13 history   stream  what PostgreSQL has not stored yet
--      14 cooldown  hash    user id -> end|e (e: binds emergencies too)
-- ARGV  1 group id  2 channel  3 process id  4 generation  5 void after (Redis ms, 0 = never)
--       6 quiet until (Redis ms)  7… the script's own
-- Every script returns {status, epoch, seq, now, dueInMs (-1 = nothing), withdraw, published, …its own}.
-- The constants LEASE_MS, GRACE_MS, PENDING_MS, FLUSH_MS, LINGER_MS, LOG_LENGTH stand above this file.

local K = {
  speaker = KEYS[1], presence = KEYS[2], floor = KEYS[3], talk = KEYS[4], pending = KEYS[5],
  rights = KEYS[6], members = KEYS[7], people = KEYS[8], procs = KEYS[9], dirty = KEYS[10],
  queue = KEYS[11], log = KEYS[12], history = KEYS[13], cooldown = KEYS[14],
}
local groupId, channel, processId = ARGV[1], ARGV[2], ARGV[3]
local generation, voidAfter, quietUntil = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local call = redis.call

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function int(n) return string.format('%.0f', n) end

local function hash(key)
  local flat = call('HGETALL', key)
  if #flat == 0 then return nil end
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local floor = hash(K.floor)
local talk = floor and hash(K.talk)
local pending = floor and hash(K.pending)
local published = {}

local function set(field, value)
  floor[field] = value
  call('HSET', K.floor, field, value)
end

local function publish(payload)
  call('SPUBLISH', channel, payload)
  published[#published + 1] = payload
end

-- Numbers an event, keeps it in the log and publishes its final bytes.
local function number(kind, line, type, tail)
  local seq = int(floor.seq + 1)
  set('seq', seq)
  local payload = '1 E ' .. floor.epoch .. ' ' .. seq .. ' ' .. kind .. line
    .. '\n{"type":"' .. type .. '","groupId":"' .. groupId .. '","epoch":' .. floor.epoch
    .. ',"seq":' .. seq .. ',' .. tail .. '}'
  call('RPUSH', K.log, payload)
  call('LTRIM', K.log, -LOG_LENGTH, -1)
  publish(payload)
end

-- Presence: one event for all changes since the last; the last state of a user wins.
local function flushPresence()
  if floor.dirtyAt == '' then return end
  local dirty = call('HGETALL', K.dirty)
  local joined, left = {}, {}
  for i = 1, #dirty, 2 do
    local person = dirty[i + 1] == 'in' and call('HGET', K.people, dirty[i])
    if person then
      joined[#joined + 1] = string.match(person, '^%d+|(.*)$')
    else
      left[#left + 1] = '{"userId":"' .. dirty[i] .. '"}'
    end
  end
  call('DEL', K.dirty)
  set('dirtyAt', '')
  if #dirty == 0 then return end
  number('presence', '', 'PRESENCE_CHANGED', '"joined":[' .. table.concat(joined, ',')
    .. '],"left":[' .. table.concat(left, ',')
    .. '],"presenceCount":' .. int(call('SCARD', K.presence)))
end

local function markDirty(userId, how)
  call('HSET', K.dirty, userId, how)
  if floor.dirtyAt == '' then set('dirtyAt', int(now)) end
end

local function member(sessionId)
  local entry = call('HGET', K.members, sessionId)
  if not entry then return nil end
  local connection, process, user, right, swapAt = string.match(entry, '^(.-)|(.-)|(.-)|(.-)|(.*)$')
  return { connection = connection, process = process, user = user, right = right, swapAt = swapAt }
end

local function keepMember(sessionId, m)
  call('HSET', K.members, sessionId,
    m.connection .. '|' .. m.process .. '|' .. m.user .. '|' .. m.right .. '|' .. m.swapAt)
end

local function addPerson(userId, fragment)
  local person = call('HGET', K.people, userId)
  local count = person and tonumber(string.match(person, '^%d+')) or 0
  call('HSET', K.people, userId, int(count + 1) .. '|' .. fragment)
  if count == 0 then
    call('SADD', K.presence, userId)
    markDirty(userId, 'in')
  end
end

-- A user who is there already, perhaps under a new name or role.
local function renamePerson(userId, fragment)
  local person = call('HGET', K.people, userId)
  local count, known = string.match(person or '', '^(%d+)|(.*)$')
  if count and known ~= fragment then call('HSET', K.people, userId, count .. '|' .. fragment) end
end

local function dropMember(sessionId, m)
  call('HDEL', K.members, sessionId)
  local person = call('HGET', K.people, m.user)
  local count = person and tonumber(string.match(person, '^%d+')) or 1
  if count > 1 then
    call('HSET', K.people, m.user, int(count - 1) .. '|' .. string.match(person, '^%d+|(.*)$'))
  else
    call('HDEL', K.people, m.user)
    call('SREM', K.presence, m.user)
    markDirty(m.user, 'out')
  end
  if call('HLEN', K.members) == 0 then set('emptyAt', int(now)) end
end
