-- The media server confirmed that identities cannot publish; one that was given the floor anew stays.
-- ARGV  7… identities
-- returns 'cleared'
for i = 7, #ARGV do
  if not (talk and talk.identity == ARGV[i]) and not (pending and pending.identity == ARGV[i]) then
    call('SREM', K.rights, ARGV[i])
  end
end
return reply('cleared')
