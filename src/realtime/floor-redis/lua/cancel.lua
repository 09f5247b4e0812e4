-- Gives a reservation back; nothing was announced. One that was void already still ends the talk that was silenced
-- for it.
-- ARGV  7 talk id  8 token  9 how the talk ends that was silenced for it ('' = none was)
-- returns 'cancelled' | 'nothing'
local talkId, silenced = ARGV[7], ARGV[9]

settle()
local over = floor and floor.voided == talkId and floor.voidedOver
local cancels = pending and pending.id == talkId and pending.token == ARGV[8]
if cancels then
  over = pending.over
  dropPending()
end
if silenced ~= '' and talk and talk.id == over then endTalk(silenced) end
promote()
return reply(cancels and 'cancelled' or 'nothing')
