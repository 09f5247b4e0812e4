-- Second step of a grant: opens and announces the talk that was reserved.
-- ARGV  7 talk id  8 token  9 maxTalkMs  10 contendedTalkMs  11 cooldownMs
-- returns 'granted', …, talk id, stream id, seq, maxTalkMs, remainingMs
--         'refused', …, void | released | not_joined | listen_only | busy
settle()
if talk and talk.id == ARGV[7] and talk.token == ARGV[8] then
  return reply('granted', talk.id, tonumber(talk.stream), tonumber(talk.seq), tonumber(talk.maxMs), remainingMs())
end
if not pending or pending.id ~= ARGV[7] or pending.token ~= ARGV[8] then
  return reply('refused', floor and floor.voided == ARGV[7] and floor.voidedCause or 'void')
end
local m = member(pending.session)
local refusal = (not m or m.connection ~= pending.connection) and 'not_joined'
  or m.right ~= 'allowed' and 'listen_only'
if refusal then
  voidPending(refusal)
  promote()
  return reply('refused', refusal)
end
local reserved = pending
pending, changed = nil, true
if talk then endTalk('preempted') end
openTalk(reserved, tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]))
return reply('granted', talk.id, tonumber(talk.stream), tonumber(talk.seq), tonumber(talk.maxMs), remainingMs())
