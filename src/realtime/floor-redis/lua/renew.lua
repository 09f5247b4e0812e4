-- Renews a process's leases in a group: its presence and the talk that it honours. A talk of its own that it does not
-- honour is a grant that was never answered; one whose socket is gone has the grace.
-- ARGV  7 talk ids that this process honours, each between commas  8 members that it has
-- returns 'renewed' | 'unknown' (not all of its members are present here: they must join again)
settle()
local isThere = floor and floor.procs[processId]
local known = isThere and (floor.counts[processId] or 0) == tonumber(ARGV[8])
if isThere then set(floor.procs, processId, now + LEASE_MS) end
if talk and talk.process == processId then
  if string.find(ARGV[7], ',' .. talk.id .. ',', 1, true) then
    set(talk, 'lease', int(now + LEASE_MS))
    if not pending then moveSlot(talk.user, talk.user, LEASE_MS) end
  elseif talk.grace == '' then
    endTalk('lost')
    promote()
  end
end
return reply(known and 'renewed' or 'unknown')
