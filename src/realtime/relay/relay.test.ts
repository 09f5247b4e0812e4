import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRelayCounters, type RelayCounters } from './counters.ts';
import { packetLimits } from './packet-guard.ts';
import { Relay } from './relay.ts';

const groupId = 'group';
const streamId = 0xfffe0001;
const talk = { groupId, talkId: 'talk', streamId, connectionId: 'alice', lease: { leaseEndsAtMs: Infinity } };

let counters: RelayCounters;
let passed: Buffer[];
let failed: string[];
let told: string[];
let relay: Relay;
let isBehind: boolean;

function packet(of = streamId, opus = 20): Buffer {
  const bytes = Buffer.alloc(9 + opus, 7);
  bytes[0] = 1;
  bytes.writeUInt32BE(of, 1);
  return bytes;
}

/** Sends one packet every so often for so long; returns how many passed. */
function send(everyMs: number, forMs: number): number {
  const before = passed.length;
  for (let atMs = 0; atMs < forMs; atMs += everyMs) {
    relay.take('alice', packet());
    vi.advanceTimersByTime(everyMs);
  }
  return passed.length - before;
}

beforeEach(() => {
  vi.useFakeTimers();
  isBehind = false;
  counters = createRelayCounters();
  [passed, failed, told] = [[], [], []];
  relay = new Relay({
    nowMs: () => performance.now(),
    isBehind: () => isBehind,
    counters,
    sinks: [
      {
        begins: ({ talkId }) => void told.push(`begins ${talkId}`),
        packet: (_talk, bytes) => void passed.push(bytes),
        ends: ({ talkId }) => void told.push(`ends ${talkId}`),
      },
    ],
    onFailed: ({ talkId }, reason) => void failed.push(`${talkId} ${reason}`),
  });
});
afterEach(() => {
  relay.close();
  vi.useRealTimers();
});

describe('what passes', () => {
  it('are the packets of the open talk of that connection, as they are and in their order', () => {
    relay.begin(talk);
    const packets = [packet(), packet(), packet()];
    for (const each of packets) expect(relay.take('alice', each)).toBeNull();
    expect(passed).toEqual(packets);
    expect(counters).toMatchObject({ accepted: 3, acceptedBytes: 60 });
  });

  it('is nothing before the grant, of another stream or of another connection', () => {
    expect(relay.take('alice', packet())).toBeNull();
    relay.begin(talk);
    expect(relay.take('alice', packet(7))).toBeNull();
    expect(relay.take('bob', packet())).toBeNull();
    expect(passed).toEqual([]);
    expect(counters.dropped).toMatchObject({ no_talk: 2, other_connection: 1 });
  });

  it('is nothing that has waited for this process, though it breaks the silence', () => {
    relay.begin(talk);
    isBehind = true;
    vi.advanceTimersByTime(3_900);
    relay.take('alice', packet());
    vi.advanceTimersByTime(3_900);
    isBehind = false;
    relay.take('alice', packet());
    expect(failed).toEqual([]);
    expect(passed).toHaveLength(1);
    expect(counters.dropped).toMatchObject({ late: 1 });
  });

  it('is nothing of a talker who is about to be pre-empted, for as long as was said, or until that is taken back', () => {
    relay.hush('talk', 2_500);
    relay.begin(talk);
    relay.take('alice', packet());
    expect(passed).toHaveLength(1);
    relay.hush('talk', 2_500);
    expect(send(100, 2_500)).toBe(0);
    relay.take('alice', packet());
    relay.hush('talk', 2_500);
    relay.hush('talk', 0);
    relay.take('alice', packet());
    expect(passed).toHaveLength(3);
    expect(counters.dropped).toMatchObject({ hushed: 25 });
    expect(failed).toEqual([]);
  });

  it('is nothing of a talker who is back without audio, and T1 runs', () => {
    relay.begin(talk);
    relay.away(groupId, 'alice');
    relay.begin({ ...talk, connectionId: 'again' }, false);
    relay.take('again', packet());
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(packetLimits.silenceMs + 10);
    expect(failed).toEqual(['talk silence']);
  });

  it('is nothing after the end, which may be told twice', () => {
    relay.begin(talk);
    relay.end('talk');
    relay.end('talk');
    relay.take('alice', packet());
    expect(passed).toEqual([]);
    expect(told).toEqual(['begins talk', 'ends talk']);
  });

  it('is nothing while the talker is away, and nothing of his old connection when he is back', () => {
    relay.begin(talk);
    relay.away(groupId, 'alice');
    relay.take('alice', packet());
    relay.begin({ ...talk, connectionId: 'alice again' });
    relay.take('alice', packet());
    expect(passed).toEqual([]);
    relay.take('alice again', packet());
    expect(passed).toHaveLength(1);
    expect(told).toEqual(['begins talk']);
  });

  it('is nothing once the lease has lapsed, as in a process that was frozen', () => {
    const lease = { leaseEndsAtMs: performance.now() + 1_000 };
    relay.begin({ ...talk, lease });
    vi.advanceTimersByTime(999);
    relay.take('alice', packet());
    vi.advanceTimersByTime(1);
    relay.take('alice', packet());
    expect(passed).toHaveLength(1);
    lease.leaseEndsAtMs += 1_000;
    relay.take('alice', packet());
    expect(passed).toHaveLength(2);
    expect(counters.dropped.lapsed).toBe(1);
  });

  it('leaves what is no packet to whoever sent it', () => {
    relay.begin(talk);
    expect(relay.take('alice', Buffer.alloc(9, 1))).toContain('10 bytes');
    expect(counters.malformed).toBe(1);
  });
});

describe('T1', () => {
  it('ends a talk of which nothing comes for 4 s', () => {
    relay.begin(talk);
    vi.advanceTimersByTime(3_999);
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(failed).toEqual(['talk silence']);
    expect(relay.take('alice', packet())).toBeNull();
    expect(passed).toEqual([]);
    expect(counters.ended.silence).toBe(1);
  });

  it('counts from the last packet, and discontinuous transmission as coming', () => {
    relay.begin(talk);
    expect(send(400, 20_000)).toBe(50);
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(4_001);
    expect(failed).toEqual(['talk silence']);
  });

  it('does not count packets that are not of the talk', () => {
    relay.begin(talk);
    for (let atMs = 0; atMs < 4_100; atMs += 100) {
      relay.take('bob', packet());
      relay.take('alice', packet(7));
      relay.take('alice', Buffer.alloc(3));
      vi.advanceTimersByTime(100);
    }
    expect(failed).toEqual(['talk silence']);
  });

  it('stands still while the socket is gone and starts anew with its return', () => {
    relay.begin(talk);
    vi.advanceTimersByTime(3_900);
    relay.away(groupId, 'alice');
    vi.advanceTimersByTime(60_000);
    expect(failed).toEqual([]);
    relay.begin({ ...talk, connectionId: 'alice again' });
    vi.advanceTimersByTime(3_900);
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(failed).toEqual(['talk silence']);
  });

  it('goes on when the talker joins again on the same socket, without audio or with it', () => {
    relay.begin(talk);
    for (const isHere of [false, true, false]) {
      vi.advanceTimersByTime(1_000);
      relay.begin(talk, isHere);
      relay.take('bob', packet());
    }
    vi.advanceTimersByTime(999);
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(failed).toEqual(['talk silence']);
  });

  it('does not run out for who switches audio off and soon on again, and sends on', () => {
    relay.begin(talk);
    vi.advanceTimersByTime(3_000);
    relay.begin(talk, false);
    relay.take('alice', packet());
    expect(passed).toEqual([]);
    relay.begin(talk, true);
    expect(send(400, 8_000)).toBe(20);
    expect(failed).toEqual([]);
  });

  it('is over with the talk', () => {
    relay.begin(talk);
    relay.end('talk');
    vi.advanceTimersByTime(60_000);
    expect(failed).toEqual([]);
  });
});

describe('too much', () => {
  it('is dropped, and ends the talk when it goes on for 5 s', () => {
    relay.begin(talk);
    expect(send(5, 4_900)).toBeLessThanOrEqual(5 * packetLimits.packetsPerWindow);
    expect(failed).toEqual([]);
    send(5, 1_500);
    expect(failed).toEqual(['talk too_much']);
    expect(counters.dropped.too_much).toBeGreaterThan(300);
  });

  it('goes on being counted when the talker comes back on another socket', () => {
    relay.begin(talk);
    send(5, 4_000);
    relay.away(groupId, 'alice');
    relay.begin(talk);
    send(5, 2_500);
    expect(failed).toEqual(['talk too_much']);
  });
});
