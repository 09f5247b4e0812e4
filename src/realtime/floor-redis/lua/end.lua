-- Ends the open talk, or cancels the reservation, from outside.
-- ARGV  7 talk id ('' = whichever; with the cause 'removed' the group is gone: nobody waits, the talker does not stay)
--       8 cause
-- returns 'ended' | 'nothing'
local talkId, cause = ARGV[7], ARGV[8]

settle()
local ended = false
local gone = floor and talkId == '' and cause == 'removed'
if gone then call('DEL', K.queue) end
if pending and (talkId == '' or pending.id == talkId) then
  voidPending(gone and 'not_joined' or 'busy')
  ended = true
end
if talk and (talkId == '' or talk.id == talkId) then
  endTalk(cause, gone)
  ended = true
end
if floor then promote() end
return reply(ended and 'ended' or 'nothing')
