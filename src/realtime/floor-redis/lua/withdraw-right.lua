-- A member, a session or a right to talk is gone: ends what stood on it.
-- ARGV  7 user  8 session ('' = all of the user's)  9 member | talk
-- returns 'withdrawn'
local userId, only, right = ARGV[7], ARGV[8], ARGV[9]

settle()
if not floor then return reply('withdrawn') end
local refusal = right == 'talk' and 'listen_only' or 'not_joined'

local function concerns(r)
  return r and r.user == userId and (only == '' or r.session == only)
end

if concerns(pending) then voidPending(refusal) end
if concerns(talk) then endTalk('removed') end
local all = call('HGETALL', K.members)
for i = 1, #all, 2 do
  local sessionId = all[i]
  local m = member(sessionId)
  if m and m.user == userId and (only == '' or sessionId == only) then
    local waiter = leaveQueue(sessionId)
    if right == 'talk' then
      m.right = 'listen_only'
      keepMember(sessionId, m)
      if waiter then publish('1 D ' .. waiter.connection .. ' listen_only') end
    else
      dropMember(sessionId, m)
    end
  end
end
promote()
return reply('withdrawn')
