#!lua flags=allow-oom
-- Gives claims up where they are still the owner's: a late close of an old socket changes nothing.
-- KEYS[1] sockets:{<userId>}
-- ARGV pairs: session id, owner
-- Returns how many were given up.
local released = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    released = released + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return released
