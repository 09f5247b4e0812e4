-- Ends the open talk, or cancels the reservation, from outside.
-- ARGV  7 talk id ('' = whichever; with the cause 'removed' the group is gone: nobody waits, the talker does not stay)
--       8 cause
-- returns 'ended', …, {talk id, user} of the reservation and of the open talk, as far as they were ended
local talkId, cause = ARGV[7], ARGV[8]

settle()
local ended = {}
local gone = floor and talkId == '' and cause == 'removed'
if gone then call('DEL', K.queue) end
if pending and (talkId == '' or pending.id == talkId) then
  ended[1] = { pending.id, pending.user }
  voidPending(gone and 'not_joined' or 'busy')
end
if talk and (talkId == '' or talk.id == talkId) then
  ended[#ended + 1] = { talk.id, talk.user }
  endTalk(cause, gone)
end
if floor then promote() end
return reply('ended', ended)
