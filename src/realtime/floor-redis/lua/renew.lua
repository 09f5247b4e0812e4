-- Renews a process's leases in a group: its presence and the talk that it honours. A talk of its own that it does not
-- honour is a grant that was never answered; one whose socket is gone has the grace.
-- ARGV  7 talk ids that this process honours, each between commas
-- returns 'renewed' | 'unknown' (the process has no presence here: its members must join again)
settle()
local known = floor and floor.procs[processId]
if known then set(floor.procs, processId, now + LEASE_MS) end
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
