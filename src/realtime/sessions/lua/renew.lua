#!lua
-- Prolongs a claim, or makes it anew when it is gone.
-- KEYS[1] sockets:{<userId>}
-- ARGV[1] session id  ARGV[2] owner  ARGV[3] time to live in ms
-- Returns 1, or 0 when another connection has the claim.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if current and current ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
