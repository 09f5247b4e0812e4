#!lua
-- Makes a connection the current one of its session; the later claim wins.
-- KEYS[1] sockets:{<userId>}, a hash: session id -> "<processId> <connectionId>"
-- ARGV[1] session id  ARGV[2] owner  ARGV[3] time to live in ms  ARGV[4] limit of sessions, 0 = none
-- Returns the owner before, '' for none, or false at the limit.
local previous = redis.call('HGET', KEYS[1], ARGV[1])
local limit = tonumber(ARGV[4])
if not previous and limit > 0 and redis.call('HLEN', KEYS[1]) >= limit then
  return false
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
-- The hash lives as long as the longest of its claims.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return previous or ''
