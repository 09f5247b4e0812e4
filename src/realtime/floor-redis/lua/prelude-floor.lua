-- The second part of the prelude: slot, queue, talk and reservation.

-- The slot is freed only for its owner.
local function freeSlot(userId)
  if call('GET', K.speaker) == userId then call('DEL', K.speaker) end
end

-- The slot follows the floor; a value that is neither the old nor the new owner is left alone.
local function moveSlot(from, to, ttlMs)
  local owner = call('GET', K.speaker)
  if not owner or owner == from or owner == to then call('SET', K.speaker, to, 'PX', math.max(1, ttlMs)) end
end

-- Looks at most once a script for as long as nobody waits.
local function nobodyWaits()
  if not isQueueEmpty then isQueueEmpty = call('LLEN', K.queue) == 0 end
  return isQueueEmpty
end

local function publishPlaces()
  local entries = call('LRANGE', K.queue, 0, -1)
  if #entries == 0 then return end
  local places = {}
  for i, text in ipairs(entries) do places[i] = cjson.decode(text).connection .. ':' .. i end
  publish('1 Q ' .. table.concat(places, ' '))
end

-- Takes a session's place out of the queue; returns who waited there.
local function leaveQueue(sessionId)
  if nobodyWaits() then return nil end
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

-- Whether somebody else waits for the floor.
local function othersWait(userId)
  if nobodyWaits() then return false end
  for _, text in ipairs(call('LRANGE', K.queue, 0, -1)) do
    if cjson.decode(text).user ~= userId then return true end
  end
  return false
end

-- A cooldown binds a user on any device: the places that his other devices wait in are gone.
local function dropCooledPlaces(userId, retry, binds)
  if nobodyWaits() then return end
  for _, text in ipairs(call('LRANGE', K.queue, 0, -1)) do
    local waiter = cjson.decode(text)
    if waiter.user == userId and string.find(binds, waiter.emergency == '1' and 'e' or 'o', 1, true) then
      call('LREM', K.queue, 1, text)
      publishPlaces()
      publish('1 D ' .. waiter.connection .. ' cooldown ' .. int(retry))
    end
  end
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

-- Notes a finished talk, which lasted until it was ended or, where that is found later, until its deadline. Returns how
-- long that was.
local function noteTalk(cause, endAt)
  local endedAt = math.max(tonumber(talk.start), math.min(endAt, now))
  call('XADD', K.history, '*', 'kind', 'talk', 'talk', talk.id, 'voice', floor.voice, 'user', talk.user,
    'speaker', talk.speaker, 'emergency', talk.emergency, 'start', talk.start, 'end', int(endedAt), 'cause', cause,
    'participants', int(call('SCARD', K.seen)))
  return endedAt - talk.start
end

-- A reservation beside the talk owns the slot already. `endAt` is the deadline that has ended the talk.
local function endTalk(cause, gone, endAt)
  flushPresence()
  local duration = noteTalk(cause, endAt or now)
  local cooled = cause == 'too_long' or (cause == 'revoked' and talk.emergency == '1')
  local retry = cooled and tonumber(talk.cooldown) or 0
  number('ended', ' ' .. talk.id .. ' ' .. talk.connection .. ' ' .. cause .. ' ' .. int(retry) .. ' ' .. int(duration)
    .. (gone and ' gone' or ''),
    'TALK_ENDED', '"talkId":"' .. talk.id .. '","speaker":' .. talk.speaker
    .. ',"cause":"' .. cause .. '","durationMs":' .. int(duration))
  if cooled then
    -- An emergency that was revoked binds only the next emergency.
    local binds = (cause == 'too_long' and 'o' or '') .. (talk.emergency == '1' and 'e' or '')
    call('HSET', K.cooldown, talk.user, int(now + retry) .. '|' .. binds .. '|' .. int(now))
    if retry > 0 then dropCooledPlaces(talk.user, retry, binds) end
  end
  freeSlot(talk.user)
  talk, changed = nil, true
end

-- Opens and announces a talk for a request or reservation `r` under the limits of its group. Who waits already
-- when it starts counts as the first other asker. `hasSlot`: the slot is the talker's already, for as long as the lease.
local function openTalk(r, maxTalkMs, contendedMs, cooldownMs, hasSlot)
  flushPresence()
  local contended = ''
  if contendedMs > 0 and (r.contended == '1' or othersWait(r.user)) then contended = int(now + contendedMs) end
  talk = {
    id = r.id, stream = r.stream, token = r.token, user = r.user, speaker = r.speaker, session = r.session,
    connection = r.connection, process = r.process, identity = r.identity, emergency = r.emergency, role = r.role,
    start = int(now), max = int(now + maxTalkMs), maxMs = int(maxTalkMs), contended = contended,
    contendedMs = int(contendedMs), cooldown = int(cooldownMs), lease = int(now + LEASE_MS), grace = '',
  }
  if not hasSlot then moveSlot(talk.user, talk.user, LEASE_MS) end
  number('started', ' ' .. talk.id .. ' ' .. talk.connection .. ' ' .. talk.maxMs .. ' ' .. int(remainingMs())
    .. (talk.emergency == '1' and ' emergency' or ''),
    'TALK_STARTED', '"talkId":"' .. talk.id .. '","streamId":' .. talk.stream .. ',"speaker":' .. talk.speaker
    .. ',"emergency":' .. (talk.emergency == '1' and 'true' or 'false'))
  set(talk, 'seq', floor.seq)
end

-- The slot is taken by the caller.
local function reserve(r)
  pending = r
  set(pending, 'untilAt', int(now + PENDING_MS))
  set(pending, 'contended', '0')
  local isNewRight = pending.identity ~= '' and call('SADD', K.rights, pending.identity) == 1
  set(pending, 'newRight', isNewRight and '1' or '0')
end

local function dropPending()
  local user = pending.user
  pending, changed = nil, true
  if talk then moveSlot(user, talk.user, talk.lease - now) else freeSlot(user) end
end

-- Nothing was announced; whoever drives the grant learns the cause when his commit is refused.
local function voidPending(cause)
  set(floor, 'voided', pending.id)
  set(floor, 'voidedCause', cause)
  set(floor, 'voidedOver', pending.over or '')
  dropPending()
end

-- The first waiter who may talk gets the reservation; his process commits it.
local function promote()
  if talk or pending or nobodyWaits() then return end
  local text = call('LPOP', K.queue)
  while text do
    local waiter = cjson.decode(text)
    local m = member(waiter.session)
    if m and m.connection == waiter.connection and m.right == 'allowed' then
      if not call('SET', K.speaker, waiter.user, 'NX', 'PX', PENDING_MS) then
        call('LPUSH', K.queue, text)
        return
      end
      reserve(waiter)
      publish('1 H ' .. waiter.id .. ' ' .. waiter.token .. ' ' .. waiter.connection .. ' ' .. waiter.stream .. ' '
        .. (waiter.identity == '' and '-' or waiter.identity))
      publishPlaces()
      return
    end
    if m and m.connection == waiter.connection then publish('1 D ' .. waiter.connection .. ' listen_only') end
    text = call('LPOP', K.queue)
  end
end
