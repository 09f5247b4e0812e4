-- Notes talks of a live store that was lost. Whoever stores them knows them by their ids, should several tell them.
-- KEYS  1 history  stream
-- ARGV  for each talk: talk id, voice session id, user id, speaker, '1' for an emergency, cause, started and ended so
--       many ms ago. Whether the voice session has ended with its store is not said: it may have survived.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function ago(ms) return string.format('%.0f', now - tonumber(ms)) end

for i = 1, #ARGV, 8 do
  local talk, voice, user, speaker, emergency, cause = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local startedAt, endedAt = ago(ARGV[i + 6]), ago(ARGV[i + 7])
  redis.call('XADD', KEYS[1], '*', 'kind', 'talk', 'talk', talk, 'voice', voice, 'user', user, 'speaker', speaker,
    'emergency', emergency, 'start', startedAt, 'end', endedAt, 'cause', cause, 'participants', '0')
end
return #ARGV / 8
