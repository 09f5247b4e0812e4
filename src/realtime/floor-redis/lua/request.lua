-- A press of the button.
-- ARGV  7 one step (1|0)  8 session  9 connection  10 user  11 role  12 speaker JSON  13 talk id  14 token
--      15 stream id  16 identity ('' = none)  17 queue (1|0)  18 emergency (1|0)  19 maxTalkMs
--      20 contendedTalkMs  21 queueLimit  22 cooldownMs  23 managerPreempts (1|0)  24 emergency allowed (1|0)
-- returns 'granted' | 'repeated', …, talk id, stream id, seq, maxTalkMs, remainingMs
--         'prepared', …, identity to silence first or ''
--         'in_progress' | 'listen_only' | 'not_joined' | 'void'
--         'queued', …, position   'busy' | 'queue_full', …, holder JSON or ''   'cooldown' | 'quiet', …, retryAfterMs
local oneStep, sessionId, connectionId, userId, role = ARGV[7] == '1', ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local wantsQueue, emergency = ARGV[17] == '1', ARGV[18] == '1' and ARGV[24] == '1'
local maxTalkMs, contendedMs, queueLimit = tonumber(ARGV[19]), tonumber(ARGV[20]), tonumber(ARGV[21])
local cooldownMs, managerPreempts = tonumber(ARGV[22]), ARGV[23] == '1'

if voidAfter > 0 and now > voidAfter then return reply('void') end
settle()
local m = floor and member(sessionId)
if not m or m.connection ~= connectionId then return reply('not_joined') end
if talk and talk.session == sessionId then
  return reply('repeated', talk.id, tonumber(talk.stream), tonumber(talk.seq), tonumber(talk.maxMs), remainingMs())
end
if m.right ~= 'allowed' then return reply('listen_only') end
if pending and pending.session == sessionId then return reply('in_progress') end
if quietUntil > now then return reply('quiet', quietUntil - now) end

local cooling = call('HGET', K.cooldown, userId)
if cooling then
  local untilAt, binds, startedAt = string.match(cooling, '^(%d+)|([^|]*)|?([^|]*)')
  -- An entry of an older release does not say when it began.
  untilAt = tonumber(startedAt) and startedAt + cooldownMs or tonumber(untilAt)
  if untilAt <= now then
    call('HDEL', K.cooldown, userId)
  elseif string.find(binds, emergency and 'e' or 'o', 1, true) then
    return reply('cooldown', untilAt - now)
  end
end

local request = {
  id = ARGV[13], token = ARGV[14], stream = ARGV[15], identity = ARGV[16], user = userId, role = role,
  speaker = ARGV[12], session = sessionId, connection = connectionId, process = m.process,
  emergency = emergency and '1' or '0', maxMs = int(maxTalkMs),
}

-- Where a request stands in the queue, from 1; nil when it is full. Asking again keeps the place, but one that has
-- become an emergency moves before the ordinary askers, as a new one would.
local function takePlace(request, queueLimit)
  local entries = call('LRANGE', K.queue, 0, -1)
  local emergencies, kept, others = 0, nil, #entries
  for i, text in ipairs(entries) do
    local waiter = cjson.decode(text)
    if waiter.session == request.session then
      if waiter.emergency == '1' or request.emergency == '0' then return i end
      kept, others = text, others - 1
      request = waiter
      request.emergency = '1'
    elseif waiter.emergency == '1' then
      emergencies = emergencies + 1
    end
  end
  if kept then
    call('LREM', K.queue, 1, kept)
  elseif #entries >= queueLimit then
    return nil
  end
  isQueueEmpty = false
  local ahead = request.emergency == '1' and emergencies or others
  if ahead < others then
    call('LINSERT', K.queue, 'BEFORE', call('LINDEX', K.queue, ahead), cjson.encode(request))
    publishPlaces()
  else
    call('RPUSH', K.queue, cjson.encode(request))
  end
  return ahead + 1
end

local holder = pending or talk
local preempts = talk and not pending and talk.user ~= userId and talk.emergency == '0'
  and (emergency or (managerPreempts and role == 'group_manager' and talk.role ~= 'group_manager'))
if holder and not preempts then
  if holder.user == userId then return reply('busy', holder.speaker) end
  -- The first other asker starts the contended limit.
  if talk and talk.user ~= userId and talk.contended == '' and tonumber(talk.contendedMs) > 0 then
    set(talk, 'contended', int(now + talk.contendedMs))
  end
  if pending then set(pending, 'contended', '1') end
  local position = wantsQueue and takePlace(request, queueLimit)
  if position then return reply('queued', position) end
  return reply(wantsQueue and queueLimit > 0 and 'queue_full' or 'busy', holder.speaker)
end

if preempts then
  leaveQueue(sessionId)
  if not oneStep then
    request.over = talk.id
    reserve(request)
    moveSlot(talk.user, userId, PENDING_MS)
    return reply('prepared', talk.identity)
  end
  -- No third party between: the end and the start are announced in the same step.
  endTalk('preempted')
elseif not call('SET', K.speaker, userId, 'NX', 'PX', oneStep and LEASE_MS or PENDING_MS) then
  return reply('busy', '')
end
if oneStep then
  openTalk(request, maxTalkMs, contendedMs, cooldownMs, not preempts)
  return reply('granted', talk.id, tonumber(talk.stream), tonumber(talk.seq), maxTalkMs, remainingMs())
end
reserve(request)
return reply('prepared', '')
