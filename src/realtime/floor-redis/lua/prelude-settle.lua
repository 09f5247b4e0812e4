-- The last part of the prelude: what is due, and what every script returns.

local function dropProcess(process)
  floor.procs[process], changed = nil, true
  local all = call('HGETALL', K.members)
  for i = 1, #all, 2 do
    local m = member(all[i])
    if m and m.process == process then
      leaveQueue(all[i])
      dropMember(all[i], m)
    end
  end
  floor.counts[process] = nil
end

-- In the order of their ends, so that what follows has one order.
local function dropDeadProcesses()
  local dead = {}
  for process, leaseEndsAt in pairs(floor.procs) do
    if leaseEndsAt <= now then dead[#dead + 1] = process end
  end
  if #dead == 0 then return end
  table.sort(dead, function(a, b)
    local first, second = floor.procs[a], floor.procs[b]
    return first < second or (first == second and a < b)
  end)
  for _, process in ipairs(dead) do dropProcess(process) end
end

-- A replaced socket whose session did not come back within the grace.
local function dropSwapped()
  local nextAt = ''
  local all = call('HGETALL', K.members)
  for i = 1, #all, 2 do
    local m = member(all[i])
    if m and m.swapAt ~= '' then
      if tonumber(m.swapAt) <= now then
        dropMember(all[i], m)
      elseif nextAt == '' or tonumber(m.swapAt) < tonumber(nextAt) then
        nextAt = m.swapAt
      end
    end
  end
  set(floor, 'swapAt', nextAt)
end

-- Ends the life of a group that nobody is in; what history has not stored stays for its writer.
local function closeGroup()
  call('XADD', K.history, '*', 'kind', 'closed', 'voice', floor.voice, 'end', int(now),
    'participants', int(call('SCARD', K.seen)))
  call('DEL', K.presence, K.floor, K.members, K.people, K.dirty, K.queue, K.log, K.cooldown, K.seen)
  state, floor, talk, pending = {}, nil, nil, nil
end

-- An older life of the group under a store that lost data or changed its primary: what was open is over
-- without a number, the new epoch's snapshot stands for it (floor.md "Epochs").
local function renewEpoch()
  if talk then
    noteTalk('expired', (talkDeadline()))
    freeSlot(talk.user)
  end
  if pending then freeSlot(pending.user) end
  call('DEL', K.queue, K.log, K.dirty)
  talk, pending = nil, nil
  set(floor, 'epoch', int(generation * 4294967296 + clock[1]))
  set(floor, 'gen', int(generation))
  set(floor, 'seq', '0')
  set(floor, 'dirtyAt', '')
end

local function settle()
  if not floor then return end
  if generation > tonumber(floor.gen) then renewEpoch() end
  if talk then
    local at, cause = talkDeadline()
    if at <= now then endTalk(cause, false, at) end
  end
  if pending and tonumber(pending.untilAt) <= now then voidPending('void') end
  dropDeadProcesses()
  if floor.swapAt ~= '' and tonumber(floor.swapAt) <= now then dropSwapped() end
  promote()
  if floor.dirtyAt ~= '' and floor.dirtyAt + FLUSH_MS <= now then flushPresence() end
  if floor.emptyAt ~= '' and floor.emptyAt + LINGER_MS <= now and not talk and not pending then closeGroup() end
end

local function dueInMs()
  if not floor then return -1 end
  local at = nil
  local function earlier(time)
    if at == nil or time < at then at = time end
  end
  if talk then earlier((talkDeadline())) end
  if pending then earlier(tonumber(pending.untilAt)) end
  if floor.dirtyAt ~= '' then earlier(floor.dirtyAt + FLUSH_MS) end
  if floor.swapAt ~= '' then earlier(tonumber(floor.swapAt)) end
  if floor.emptyAt ~= '' then earlier(floor.emptyAt + LINGER_MS) end
  for _, leaseEndsAt in pairs(floor.procs) do earlier(leaseEndsAt) end
  if at == nil then return -1 end
  return math.max(0, at - now)
end

-- Writes the state when it has changed; every script ends here.
local function reply(status, ...)
  if floor and changed then
    state.format, state.floor, state.talk, state.pending = FORMAT, floor, talk, pending
    call('SET', K.floor, cmsgpack.pack(state))
  end
  local withdraw = {}
  for _, identity in ipairs(call('SMEMBERS', K.rights)) do
    if not (talk and talk.identity == identity) and not (pending and pending.identity == identity) then
      withdraw[#withdraw + 1] = identity
    end
  end
  return {
    status, floor and tonumber(floor.epoch) or 0, floor and tonumber(floor.seq) or 0, now, dueInMs(),
    withdraw, published, ...
  }
end

local function snapshotFields()
  local open = {}
  if talk then
    open = { talk.id, talk.stream, talk.speaker, talk.session, talk.emergency, int(now - talk.start), int(remainingMs()) }
  end
  return open
end

-- Payloads after a position of the log, or false when it does not reach back to it.
local function missedSince(epoch, seq)
  if not floor or epoch ~= tonumber(floor.epoch) then return false end
  local count = floor.seq - seq
  if count < 0 or count > call('LLEN', K.log) then return false end
  if count == 0 then return {} end
  return call('LRANGE', K.log, -count, -1)
end

local function presenceFragments(limit)
  local fragments = {}
  for _, person in ipairs(call('HVALS', K.people)) do
    if #fragments >= limit then break end
    fragments[#fragments + 1] = string.match(person, '^%d+|(.*)$')
  end
  return fragments
end

-- Nothing was read or written but the state itself: who cannot act here leaves everything as it is.
if (state.format or FORMAT) > FORMAT then return { 'newer_format', 0, 0, now, -1, {}, {} } end
if floor and tonumber(floor.gen) > generation then return { 'stale_generation', 0, 0, now, -1, {}, {} } end
