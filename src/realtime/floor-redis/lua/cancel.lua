-- Gives a reservation back; nothing was announced. One that was void already still ends the talk that was silenced
-- for it.
-- ARGV  7 talk id  8 token  9 how the talk ends that was silenced for it ('' = none was)
--      10 the right to publish may have been given for it (1|0)
-- returns 'cancelled' | 'nothing'
local talkId, silenced = ARGV[7], ARGV[9]

settle()
local over = floor and floor.voided == talkId and floor.voidedOver
local cancels = pending and pending.id == talkId and pending.token == ARGV[8]
if cancels then
  over = pending.over
  if pending.newRight == '1' and ARGV[10] == '0' then call('SREM', K.rights, pending.identity) end
  dropPending()
end
if silenced ~= '' and talk and talk.id == over then endTalk(silenced) end
promote()
return reply(cancels and 'cancelled' or 'nothing')
