-- The talker lets go. A release that meets its own reservation announces and ends the talk in this one step.
-- ARGV  7 session  8 connection  9 talk id ('' = whichever)
-- returns 'released' | 'not_released'
local sessionId, connectionId, talkId = ARGV[7], ARGV[8], ARGV[9]

settle()
if not floor then return reply('not_released') end
if talk and talk.session == sessionId and talk.connection == connectionId and (talkId == '' or talk.id == talkId) then
  endTalk('released')
  promote()
  return reply('released')
end
if pending and pending.session == sessionId and pending.connection == connectionId
  and (talkId == '' or pending.id == talkId) then
  local reserved = pending
  pending = nil
  set(floor, 'voided', reserved.id)
  set(floor, 'voidedCause', 'released')
  set(floor, 'voidedOver', '')
  if talk then endTalk('preempted') end
  reserved.contended = '0'
  openTalk(reserved, tonumber(reserved.maxMs), 0, 0)
  endTalk('released')
  promote()
  return reply('released')
end
if talkId == '' then
  local m = member(sessionId)
  if m and m.connection == connectionId then leaveQueue(sessionId) end
end
return reply('not_released')
