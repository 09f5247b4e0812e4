-- The last part of the prelude: what is due, and what every script returns.

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

-- When something is due next, by the store's clock; nil: nothing is.
local function dueAt()
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
  return at
end

-- What only this needs is made only here: in most scripts nothing is due.
local function doWhatIsDue()
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
    local dead
    for process, leaseEndsAt in pairs(floor.procs) do
      if leaseEndsAt <= now then
        dead = dead or {}
        dead[#dead + 1] = process
      end
    end
    if not dead then return end
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

local function settle()
  if not floor then return end
  if generation > tonumber(floor.gen) then renewEpoch() end
  local at = dueAt()
  if at and at <= now then doWhatIsDue() else promote() end
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
  local at = floor and dueAt()
  return {
    status, floor and tonumber(floor.epoch) or 0, floor and tonumber(floor.seq) or 0, now,
    at and math.max(0, at - now) or -1,
    withdraw, published, ...
  }
end
