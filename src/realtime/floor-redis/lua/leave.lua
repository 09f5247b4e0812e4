-- Ends the presence of a connection; a session's newer connection is not touched by the end of an older one.
-- ARGV  7 session  8 connection  9 left | closed | replaced
-- returns 'left'
local sessionId, connectionId, how = ARGV[7], ARGV[8], ARGV[9]

settle()
if not floor then return reply('left') end
local m = member(sessionId)
if not m or m.connection ~= connectionId then return reply('left') end

leaveQueue(sessionId)
if pending and pending.session == sessionId then voidPending('not_joined') end
if talk and talk.session == sessionId then
  if how == 'left' then
    endTalk('released')
  elseif talk.grace == '' then
    set(talk, 'grace', int(now + GRACE_MS))
  end
end
if how == 'replaced' then
  if m.swapAt == '' then countMember(m.process, -1) end
  m.swapAt = int(now + GRACE_MS)
  keepMember(sessionId, m)
  if floor.swapAt == '' then set(floor, 'swapAt', m.swapAt) end
else
  dropMember(sessionId, m)
end
promote()
return reply('left')
