/** Something that the next release adds: `from` stands in `file` exactly once, and `to` stands there instead. */
export interface Addition {
  readonly file: string;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

const lua = 'src/realtime/floor-redis/lua';

/** A value that is lost or changed by whoever reads it in another way than it was written. */
const value = "{ 1, 'two', { three = 9007199254740991 } }";

/**
 * Where a script of the next release misses what one of its own wrote, it counts so in the hash `lost:{group}`; what it
 * wrote into a state for the first time in `made:{group}`.
 */
const state: readonly Addition[] = [
  {
    file: `${lua}/prelude-settle.lua`,
    what: 'a field of the state and of the floor',
    from: '  if generation > tonumber(floor.gen) then renewEpoch() end\n',
    to: `  if generation > tonumber(floor.gen) then renewEpoch() end
  for name, record in pairs({ state = state, floor = floor }) do
    if not record.next then
      call('HINCRBY', 'made:{' .. groupId .. '}', name, 1)
      set(record, 'next', ${value})
    end
  end
  if talk and not talk.next and call('SISMEMBER', 'marked:{' .. groupId .. '}', talk.id) == 1 then
    call('HINCRBY', 'lost:{' .. groupId .. '}', 'talk', 1)
  end
  local all = call('HGETALL', K.members)
  for i = 1, #all, 2 do
    local m = member(all[i])
    if m and m.rest ~= '|next|last' and call('SISMEMBER', 'marked:{' .. groupId .. '}', m.connection) == 1 then
      call('HINCRBY', 'lost:{' .. groupId .. '}', 'member', 1)
    end
  end
`,
  },
  {
    file: `${lua}/prelude-floor.lua`,
    what: 'a field of the open talk',
    from: '  if not hasSlot then',
    to: `  set(talk, 'next', ${value})
  call('SADD', 'marked:{' .. groupId .. '}', talk.id)
  if not hasSlot then`,
  },
  {
    file: `${lua}/prelude-floor.lua`,
    what: 'a field of the reservation',
    from: "  set(pending, 'contended', '0')\n",
    to: `  set(pending, 'contended', '0')\n  set(pending, 'next', ${value})\n`,
  },
  {
    file: `${lua}/request.lua`,
    what: 'a field of a place in the queue',
    from: "  emergency = emergency and '1' or '0', maxMs = int(maxTalkMs),\n",
    to: "  emergency = emergency and '1' or '0', maxMs = int(maxTalkMs), next = { 'kept' },\n",
  },
  {
    file: `${lua}/join.lua`,
    what: 'a field of a member',
    from: "known.rest or ''\n",
    to: "known.rest or '|next|last'\nif rest == '|next|last' then call('SADD', 'marked:{' .. groupId .. '}', connectionId) end\n",
  },
  {
    file: `${lua}/prelude-floor.lua`,
    what: 'a word of a cooldown',
    from: "binds .. '|' .. int(now))",
    to: "binds .. '|' .. int(now) .. '|next')",
  },
  {
    file: `${lua}/prelude.lua`,
    what: 'a kind of change of presence',
    from: "  call('HSET', K.dirty, userId, how)\n",
    to: "  call('HSET', K.dirty, userId, 'next ' .. how)\n",
  },
  {
    file: 'src/realtime/floor-redis/store.ts',
    what: 'a field of a speaker',
    from: 'JSON.stringify({ userId: member.userId, displayName: member.displayName }),',
    to: "JSON.stringify({ userId: member.userId, displayName: member.displayName, next: ['speaker'] }),",
  },
];

const events: readonly Addition[] = [
  {
    file: `${lua}/prelude.lua`,
    what: 'words in the line of a numbered event',
    from: ' .. kind .. line\n',
    to: " .. kind .. line .. ' next next:5'\n",
  },
  {
    file: `${lua}/prelude.lua`,
    what: 'a field of a numbered event',
    from: `    .. ',"seq":' .. seq .. ',' .. tail .. '}'\n`,
    to: `    .. ',"seq":' .. seq .. ',"next":{"in":["order"]},' .. tail .. '}'\n`,
  },
  {
    file: `${lua}/prelude.lua`,
    what: 'words in the line of a note, and another kind of note',
    from: 'local function publish(payload)\n',
    to: `local function publish(payload)
  if not string.find(payload, '\\n', 1, true) then payload = payload .. ' next next:5' end
  call('SPUBLISH', channel, '1 N ' .. processId)
`,
  },
  {
    file: 'src/realtime/gateway/gateway-connection.ts',
    what: 'a field of every answer',
    from: 'prepareFrame(JSON.stringify(message))',
    to: "prepareFrame(JSON.stringify({ ...message, next: ['answer'] }))",
  },
];

const history: readonly Addition[] = [
  {
    file: `${lua}/prelude-floor.lua`,
    what: 'a word and a kind of record',
    from: "    'participants', int(call('SCARD', K.seen)))\n",
    to: "    'participants', int(call('SCARD', K.seen)), 'next', 'word')\n  call('XADD', K.history, '*', 'kind', 'next', 'talk', talk.id)\n  call('HINCRBY', 'noted:{' .. groupId .. '}', 'next', 1)\n",
  },
];

const outbox: readonly Addition[] = [
  {
    file: 'src/infra/outbox/repo.ts',
    what: 'a field of every event, and a type of event',
    from: 'events.map((event) => ({ id: uuidv7(), ...event }))',
    to: `events.flatMap((event) => [
    { id: uuidv7(), ...event, payload: { ...(event.payload as object), next: ['field'] } },
    { id: uuidv7(), type: 'next.happened', payload: ['next'], requestId: event.requestId },
    { id: uuidv7(), type: 'next.happened', payload: { userId: 'nobody', groupId: 1 }, requestId: event.requestId },
  ])`,
  },
];

const sockets: readonly Addition[] = [
  {
    file: 'src/realtime/sessions/redis.ts',
    what: 'a word of a claim',
    from: '`${processId} ${connectionId}`',
    to: '`${processId} ${connectionId} next`',
  },
  {
    file: 'src/realtime/sessions/redis.ts',
    what: 'a word of the message to another process',
    from: 'mailbox.post(processOf(previous), replaced)',
    to: 'mailbox.post(processOf(previous), `${replaced} next`)',
  },
];

export const additions: readonly Addition[] = [...state, ...events, ...history, ...outbox, ...sockets];

/** What a migration may do: nothing that is there changes. */
export const migration = [
  'users',
  'auth_sessions',
  'groups',
  'group_members',
  'speaker_history',
  'domain_event',
  'audit',
]
  .map((table) => `alter table "${table}" add column "next" text not null default 'next';`)
  .join('--> statement-breakpoint\n');
