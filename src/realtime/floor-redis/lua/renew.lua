-- Renews a process's leases in a group: its presence and the talk that it honours.
-- ARGV  7 talk ids that this process honours, each between commas
-- returns 'renewed' | 'unknown' (the process has no presence here: its members must join again)
if talk and talk.process == processId and tonumber(talk.lease) > now then
  if string.find(ARGV[7], ',' .. talk.id .. ',', 1, true) then
    talk.lease = int(now + LEASE_MS)
    call('HSET', K.talk, 'lease', talk.lease)
    call('SET', K.speaker, pending and pending.user or talk.user, 'PX',
      pending and math.max(1, pending.untilAt - now) or LEASE_MS)
  else
    endTalk('lost')
  end
end
local lease = call('ZSCORE', K.procs, processId)
local known = floor and lease and tonumber(lease) > now
if known then call('ZADD', K.procs, now + LEASE_MS, processId) end
settle()
return reply(known and 'renewed' or 'unknown')
