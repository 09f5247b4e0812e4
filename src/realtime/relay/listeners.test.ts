import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Connection, PreparedFrame } from '../gateway/index.ts';
import { createRelayCounters } from './counters.ts';
import { Listeners } from './listeners.ts';

const talk = { groupId: 'group', talkId: 'talk', streamId: 1, connectionId: 'alice' };
const packet = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0xfc]);

let heard: Map<string, PreparedFrame[]>;
let subscribed: string[];
let busIsAway: boolean;
let counters: ReturnType<typeof createRelayCounters>;
let listeners: Listeners;

function listener(id: string, isSlow = false): Connection {
  const frames: PreparedFrame[] = [];
  heard.set(id, frames);
  return {
    id,
    requestId: 'upgrade',
    user: { id, username: id, displayName: id, role: 'user' },
    session: { id, userId: id, device: { name: id, kind: 'other' }, createdAt: '', lastSeenAt: '', current: true },
    memberships: new Map(),
    joined: new Set(),
    open: true,
    send: () => undefined,
    sendText: () => undefined,
    sendFrame: () => undefined,
    sendAudio: (frame) => {
      if (!isSlow) frames.push(frame);
      return !isSlow;
    },
    acceptAudio: () => undefined,
    awaitAudio: () => undefined,
    close: () => undefined,
    watchTalker: () => undefined,
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  heard = new Map();
  [subscribed, busIsAway] = [[], false];
  counters = createRelayCounters();
  listeners = new Listeners({
    counters,
    onPacket: () => undefined,
    bus: {
      publish: async () => 0,
      listeners: async () => 0,
      hush: async () => undefined,
      subscribe: async (groupId) => {
        if (busIsAway) throw new Error('away');
        subscribed.push(`+${groupId}`);
        return () => void subscribed.push(`-${groupId}`);
      },
    },
  });
});
afterEach(() => {
  listeners.close();
  vi.useRealTimers();
});

it('a packet is framed once for all, and does not go back to its talker', () => {
  for (const id of ['alice', 'bob', 'carol']) listeners.add('group', listener(id));
  listeners.add('other group', listener('dave'));
  listeners.packet(talk, packet);
  const [toBob] = heard.get('bob') ?? [];
  expect(toBob?.bytes.subarray(2).equals(packet)).toBe(true);
  expect(heard.get('carol')).toEqual([toBob]);
  expect(heard.get('carol')?.[0]).toBe(toBob);
  expect(heard.get('alice')).toEqual([]);
  expect(heard.get('dave')).toEqual([]);
  expect(counters.delivered).toBe(2);
});

it('who reads too slowly loses packets, and nobody else does', () => {
  listeners.add('group', listener('bob', true));
  listeners.add('group', listener('carol'));
  listeners.packet(talk, packet);
  expect(heard.get('carol')).toHaveLength(1);
  expect(counters).toMatchObject({ delivered: 1, dropped: { slow_listener: 1 } });
});

it('the process listens while it has listeners and 5 s longer', async () => {
  await listeners.ready('group');
  listeners.add('group', listener('bob'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(subscribed).toEqual(['+group']);
  listeners.remove('group', 'bob');
  await vi.advanceTimersByTimeAsync(4_999);
  listeners.add('group', listener('carol'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(subscribed).toEqual(['+group']);
  listeners.remove('group', 'carol');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(subscribed).toEqual(['+group', '-group']);
});

it('who only wanted to listen leaves nothing behind', async () => {
  await listeners.ready('group');
  await vi.advanceTimersByTimeAsync(4_000);
  await listeners.ready('group');
  await vi.advanceTimersByTimeAsync(4_999);
  expect(subscribed).toEqual(['+group']);
  await vi.advanceTimersByTimeAsync(1);
  expect(subscribed).toEqual(['+group', '-group']);
});

it('a bus that is away is told to whoever joins, and asked again by the next', async () => {
  busIsAway = true;
  await expect(listeners.ready('group')).rejects.toThrow('away');
  busIsAway = false;
  await listeners.ready('group');
  expect(subscribed).toEqual(['+group']);
});
