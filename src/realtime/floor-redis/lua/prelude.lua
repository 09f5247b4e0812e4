-- Stands before every script. Loads the group's state, lets happen what is due, and offers the few
-- operations that all decisions are made of.
--
-- KEYS  1 speaker   string  user id of who holds or is being given the floor, under a time to live
--       2 presence  set     user ids that are there
--       3 floor     hash    epoch, seq, gen, voice, dirtyAt, emptyAt, swapAt, voided, voidedCause
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

-- The slot is freed only for its owner.
local function freeSlot(userId)
  if call('GET', K.speaker) == userId then call('DEL', K.speaker) end
end

local function talkDeadline()
  local at, cause = tonumber(talk.lease), 'expired'
  local function earlier(field, other)
    if field ~= '' and tonumber(field) < at then at, cause = tonumber(field), other end
  end
  earlier(talk.grace, 'lost')
  earlier(talk.max, 'too_long')
  earlier(talk.contended, 'too_long')
  return at, cause
end

local function remainingMs()
  local at = tonumber(talk.max)
  if talk.contended ~= '' and tonumber(talk.contended) < at then at = tonumber(talk.contended) end
  return math.max(0, at - now)
end

local function endTalk(cause)
  flushPresence()
  local duration = math.max(0, now - talk.start)
  local retry = 0
  if (cause == 'too_long' or (cause == 'revoked' and talk.emergency == '1')) and tonumber(talk.cooldown) > 0 then
    retry = tonumber(talk.cooldown)
    call('HSET', K.cooldown, talk.user, int(now + retry) .. '|' .. (talk.emergency == '1' and 'e' or ''))
  end
  number('ended', ' ' .. talk.id .. ' ' .. talk.connection .. ' ' .. cause .. ' ' .. int(retry) .. ' ' .. int(duration),
    'TALK_ENDED', '"talkId":"' .. talk.id .. '","speaker":' .. talk.speaker
    .. ',"cause":"' .. cause .. '","durationMs":' .. int(duration))
  call('XADD', K.history, '*', 'kind', 'talk', 'talk', talk.id, 'voice', floor.voice, 'user', talk.user,
    'speaker', talk.speaker, 'emergency', talk.emergency, 'start', talk.start, 'end', int(now), 'cause', cause)
  call('DEL', K.talk)
  freeSlot(talk.user)
  talk = nil
  if pending then call('SET', K.speaker, pending.user, 'PX', math.max(1, pending.untilAt - now)) end
end

-- Opens and announces a talk for a request or reservation `r` under the limits of its group. The slot is taken
-- by the caller.
local function openTalk(r, maxTalkMs, contendedMs, cooldownMs)
  flushPresence()
  local contended = ''
  if r.contended == '1' and contendedMs > 0 then contended = int(now + contendedMs) end
  talk = {
    id = r.id, stream = r.stream, token = r.token, user = r.user, speaker = r.speaker, session = r.session,
    connection = r.connection, process = r.process, identity = r.identity, emergency = r.emergency, role = r.role,
    start = int(now), max = int(now + maxTalkMs), maxMs = int(maxTalkMs), contended = contended,
    contendedMs = int(contendedMs), cooldown = int(cooldownMs), lease = int(now + LEASE_MS), grace = '',
  }
  call('SET', K.speaker, talk.user, 'PX', LEASE_MS)
  number('started', ' ' .. talk.id .. ' ' .. talk.connection .. ' ' .. talk.maxMs .. ' ' .. int(remainingMs()),
    'TALK_STARTED', '"talkId":"' .. talk.id .. '","streamId":' .. talk.stream .. ',"speaker":' .. talk.speaker
    .. ',"emergency":' .. (talk.emergency == '1' and 'true' or 'false'))
  talk.seq = floor.seq
  local fields = {}
  for field, value in pairs(talk) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  call('HSET', K.talk, unpack(fields))
end

local function reserve(r)
  pending = r
  pending.untilAt = int(now + PENDING_MS)
  pending.contended = pending.contended or '0'
  local fields = {}
  for field, value in pairs(pending) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  call('HSET', K.pending, unpack(fields))
  if pending.identity ~= '' then call('SADD', K.rights, pending.identity) end
end

local function dropPending()
  call('DEL', K.pending)
  local user = pending.user
  pending = nil
  if talk then
    call('SET', K.speaker, talk.user, 'PX', math.max(1, talk.lease - now))
  else
    freeSlot(user)
  end
end

-- Nothing was announced; whoever drives the grant learns the cause when his commit is refused.
local function voidPending(cause)
  set('voided', pending.id)
  set('voidedCause', cause)
  dropPending()
end

local function publishPlaces()
  local entries = call('LRANGE', K.queue, 0, -1)
  if #entries == 0 then return end
  local places = {}
  for i, text in ipairs(entries) do places[i] = cjson.decode(text).connection .. ':' .. i end
  publish('1 Q ' .. table.concat(places, ' '))
end

-- The first waiter who may talk gets the reservation; his process commits it.
local function promote()
  if talk or pending then return end
  local text = call('LPOP', K.queue)
  while text do
    local waiter = cjson.decode(text)
    local m = member(waiter.session)
    if m and m.connection == waiter.connection and m.right == 'allowed'
      and call('SET', K.speaker, waiter.user, 'NX', 'PX', PENDING_MS) then
      reserve(waiter)
      publish('1 H ' .. waiter.id .. ' ' .. waiter.token .. ' ' .. waiter.connection .. ' ' .. waiter.stream .. ' '
        .. (waiter.identity == '' and '-' or waiter.identity))
      publishPlaces()
      return
    end
    text = call('LPOP', K.queue)
  end
end

-- Takes a session's place out of the queue; true when it had one.
local function leaveQueue(sessionId)
  if call('LLEN', K.queue) == 0 then return nil end
  for _, text in ipairs(call('LRANGE', K.queue, 0, -1)) do
    local waiter = cjson.decode(text)
    if waiter.session == sessionId then
      call('LREM', K.queue, 1, text)
      publishPlaces()
      return waiter
    end
  end
  return nil
end

local function dropProcess(process)
  call('ZREM', K.procs, process)
  local all = call('HGETALL', K.members)
  for i = 1, #all, 2 do
    local m = member(all[i])
    if m and m.process == process then
      leaveQueue(all[i])
      dropMember(all[i], m)
    end
  end
end

-- A replaced socket whose session did not come back within the grace.
local function dropSwapped()
  local nextAt = ''
  local all = call('HGETALL', K.members)
  for i = 1, #all, 2 do
    local m = member(all[i])
    if m and m.swapAt ~= '' then
      if tonumber(m.swapAt) <= now then
        dropMember(all[i], m)
      elseif nextAt == '' or tonumber(m.swapAt) < tonumber(nextAt) then
        nextAt = m.swapAt
      end
    end
  end
  set('swapAt', nextAt)
end

-- Ends the life of a group that nobody is in; what history has not stored stays for its writer.
local function closeGroup()
  call('XADD', K.history, '*', 'kind', 'closed', 'voice', floor.voice, 'end', int(now))
  call('DEL', K.speaker, K.presence, K.floor, K.talk, K.pending, K.members, K.people, K.procs, K.dirty,
    K.queue, K.log, K.cooldown)
  floor, talk, pending = nil, nil, nil
end

-- An older life of the group under a store that lost data or changed its primary: what was open is over
-- without a number, the new epoch's snapshot stands for it (floor.md "Epochs").
local function renewEpoch()
  if talk then
    call('XADD', K.history, '*', 'kind', 'talk', 'talk', talk.id, 'voice', floor.voice, 'user', talk.user,
      'speaker', talk.speaker, 'emergency', talk.emergency, 'start', talk.start, 'end', int(now), 'cause', 'expired')
  end
  call('DEL', K.speaker, K.talk, K.pending, K.queue, K.log, K.dirty)
  talk, pending = nil, nil
  set('epoch', int(generation * 4294967296 + clock[1]))
  set('gen', int(generation))
  set('seq', '0')
  set('dirtyAt', '')
end

local function settle()
  if not floor then return end
  if generation > tonumber(floor.gen) then renewEpoch() end
  local due = true
  while due do
    due = false
    if talk then
      local at, cause = talkDeadline()
      if at <= now then
        endTalk(cause)
        due = true
      end
    end
    if pending and tonumber(pending.untilAt) <= now then
      voidPending('void')
      due = true
    end
  end
  for _, process in ipairs(call('ZRANGEBYSCORE', K.procs, '-inf', now)) do dropProcess(process) end
  if floor.swapAt ~= '' and tonumber(floor.swapAt) <= now then dropSwapped() end
  promote()
  if floor.dirtyAt ~= '' and floor.dirtyAt + FLUSH_MS <= now then flushPresence() end
  if floor.emptyAt ~= '' and floor.emptyAt + LINGER_MS <= now and not talk and not pending then closeGroup() end
end

local function dueInMs()
  if not floor then return -1 end
  local at = nil
  local function earlier(time)
    if at == nil or time < at then at = time end
  end
  if talk then earlier((talkDeadline())) end
  if pending then earlier(tonumber(pending.untilAt)) end
  if floor.dirtyAt ~= '' then earlier(floor.dirtyAt + FLUSH_MS) end
  if floor.swapAt ~= '' then earlier(tonumber(floor.swapAt)) end
  if floor.emptyAt ~= '' then earlier(floor.emptyAt + LINGER_MS) end
  local process = call('ZRANGE', K.procs, 0, 0, 'WITHSCORES')
  if process[2] then earlier(tonumber(process[2])) end
  if at == nil then return -1 end
  return math.max(0, at - now)
end

local function reply(status, ...)
  local withdraw = {}
  for _, identity in ipairs(call('SMEMBERS', K.rights)) do
    if not (talk and talk.identity == identity) and not (pending and pending.identity == identity) then
      withdraw[#withdraw + 1] = identity
    end
  end
  return {
    status, floor and tonumber(floor.epoch) or 0, floor and tonumber(floor.seq) or 0, now, dueInMs(),
    withdraw, published, ...
  }
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

if floor and tonumber(floor.gen) > generation then return { 'stale_generation', 0, 0, now, -1, {}, {} } end
