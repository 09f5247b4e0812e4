-- Gives a reservation back; nothing was announced.
-- ARGV  7 talk id  8 token  9 the pre-empted talker was silenced already (1|0)
-- returns 'cancelled' | 'nothing'
settle()
if not pending or pending.id ~= ARGV[7] or pending.token ~= ARGV[8] then return reply('nothing') end
local over = pending.over
dropPending()
if ARGV[9] == '1' and talk and talk.id == over then endTalk('media_failed') end
promote()
return reply('cancelled')
