-- Ends the open talk, or cancels the reservation, from outside.
-- ARGV  7 talk id ('' = whichever)  8 cause
-- returns 'ended' | 'nothing'
local talkId, cause = ARGV[7], ARGV[8]

settle()
local ended = false
if pending and (talkId == '' or pending.id == talkId) then
  voidPending('busy')
  ended = true
end
if talk and (talkId == '' or talk.id == talkId) then
  endTalk(cause)
  ended = true
end
if floor then promote() end
return reply(ended and 'ended' or 'nothing')
