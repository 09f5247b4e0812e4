-- Takes records out of a group's history that PostgreSQL has stored, and the stream when it is empty. A record is
-- named by its place and by what it is about, so that a stream that began anew loses nothing to an old confirmation.
-- Stands alone, without the prelude.
-- KEYS  1 history  stream
-- ARGV  1… pairs: entry id, talk id or voice session id
-- returns the number of records left
for i = 1, #ARGV, 2 do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then
    for _, word in ipairs(entry[2]) do
      if word == ARGV[i + 1] then
        redis.call('XDEL', KEYS[1], ARGV[i])
        break
      end
    end
  end
end
local left = redis.call('XLEN', KEYS[1])
if left == 0 then redis.call('DEL', KEYS[1]) end
return left
