-- The group as last announced.
-- ARGV  7 since epoch (-1 = none)  8 since seq  9 most members to name
-- returns 'snapshot', …, open talk, presence, presence count, missed or '', connections
settle()
local missed = tonumber(ARGV[7]) >= 0 and missedSince(tonumber(ARGV[7]), tonumber(ARGV[8])) or ''
return reply('snapshot', snapshotFields(), presenceFragments(tonumber(ARGV[9])), call('SCARD', K.presence), missed,
  connectionCount())
