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
  local untilAt, binds = string.match(cooling, '^(%d+)|(.*)$')
  if tonumber(untilAt) <= now then
    call('HDEL', K.cooldown, userId)
  elseif not emergency or binds == 'e' then
    return reply('cooldown', untilAt - now)
  end
end

local request = {
  id = ARGV[13], token = ARGV[14], stream = ARGV[15], identity = ARGV[16], user = userId, role = role,
  speaker = ARGV[12], session = sessionId, connection = connectionId, process = m.process,
  emergency = emergency and '1' or '0',
}

local function place(entries)
  local last = 0
  for i, text in ipairs(entries) do
    local waiter = cjson.decode(text)
    if waiter.session == sessionId then return i, true end
    if waiter.emergency == '1' then last = i end
  end
  return emergency and last + 1 or #entries + 1, false
end

local holder = pending or talk
if holder then
  local preempts = talk and not pending and talk.user ~= userId and talk.emergency == '0'
    and (emergency or (managerPreempts and role == 'group_manager' and talk.role ~= 'group_manager'))
  if not preempts then
    if holder.user == userId then return reply('busy', holder.speaker) end
    -- The first other asker starts the contended limit.
    if talk and talk.user ~= userId and talk.contended == '' and tonumber(talk.contendedMs) > 0 then
      talk.contended = int(now + talk.contendedMs)
      call('HSET', K.talk, 'contended', talk.contended)
    end
    if pending and pending.contended == '0' then
      pending.contended = '1'
      call('HSET', K.pending, 'contended', '1')
    end
    if not wantsQueue or queueLimit == 0 then return reply('busy', holder.speaker) end
    local entries = call('LRANGE', K.queue, 0, -1)
    local position, waiting = place(entries)
    if not waiting then
      if #entries >= queueLimit then return reply('queue_full', holder.speaker) end
      if position > #entries then
        call('RPUSH', K.queue, cjson.encode(request))
      else
        call('LINSERT', K.queue, 'BEFORE', entries[position], cjson.encode(request))
        publishPlaces()
      end
    end
    return reply('queued', position)
  end
  leaveQueue(sessionId)
  if oneStep then
    endTalk('preempted')
  else
    request.over = talk.id
    reserve(request)
    call('SET', K.speaker, userId, 'PX', PENDING_MS)
    return reply('prepared', talk.identity)
  end
end

if oneStep then
  if not call('SET', K.speaker, userId, 'NX', 'PX', LEASE_MS) then return reply('busy', '') end
  openTalk(request, maxTalkMs, contendedMs, cooldownMs)
  return reply('granted', talk.id, tonumber(talk.stream), tonumber(talk.seq), maxTalkMs, remainingMs())
end
if not call('SET', K.speaker, userId, 'NX', 'PX', PENDING_MS) then return reply('busy', '') end
reserve(request)
return reply('prepared', '')
