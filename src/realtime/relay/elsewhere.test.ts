import { beforeEach, expect, it } from 'vitest';
import { createRelayCounters } from './counters.ts';
import { Elsewhere } from './elsewhere.ts';

const talk = { groupId: 'group', talkId: 'talk', streamId: 1, connectionId: 'alice' };

let nowMs: number;
let others: number;
let published: number;
let isAway: boolean;
let elsewhere: Elsewhere;
let sent: Buffer[];
let counters: ReturnType<typeof createRelayCounters>;
/** Resolves what `listeners` was asked, when the test says so. */
let answers: (() => void)[];

beforeEach(() => {
  [nowMs, others, published, isAway, answers] = [0, 0, 0, false, []];
  sent = [];
  counters = createRelayCounters();
  elsewhere = new Elsewhere({
    nowMs: () => nowMs,
    counters,
    bus: {
      publish: async (_groupId, packet) => {
        if (isAway) throw new Error('away');
        sent.push(packet);
        published += 1;
        return others;
      },
      listeners: () => {
        const found = others;
        return new Promise((resolve) => answers.push(() => resolve(found)));
      },
      subscribe: async () => () => undefined,
      hush: async () => undefined,
    },
  });
});

async function answer(): Promise<void> {
  for (const each of answers.splice(0)) each();
  await settle();
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function send(): Promise<number> {
  const before = published;
  elsewhere.packet(talk, Buffer.alloc(10));
  await settle();
  return published - before;
}

it('nothing is published while nobody elsewhere listens', async () => {
  elsewhere.begins(talk);
  await answer();
  expect(await send()).toBe(0);
  expect(await send()).toBe(0);
});

it('a call makes packets go, and it ends with the last listener', async () => {
  elsewhere.begins(talk);
  await answer();
  others = 1;
  elsewhere.called('another group');
  expect(await send()).toBe(0);
  elsewhere.called('group');
  expect(await send()).toBe(1);
  others = 0;
  expect(await send()).toBe(1);
  expect(await send()).toBe(0);
  expect(counters.published).toBe(1);
});

it('a call that was lost is made up for by asking each second', async () => {
  elsewhere.begins(talk);
  await answer();
  others = 1;
  nowMs = 999;
  expect(await send()).toBe(0);
  expect(answers).toHaveLength(0);
  nowMs = 1_000;
  expect(await send()).toBe(0);
  await answer();
  expect(await send()).toBe(1);
});

it('an answer that is older than a call does not undo it', async () => {
  elsewhere.begins(talk);
  others = 1;
  elsewhere.called('group');
  await answer();
  expect(await send()).toBe(1);
});

it('packets that were read just before a call go out too, in their order, and older ones do not', async () => {
  elsewhere.begins(talk);
  await answer();
  expect(await send()).toBe(0);
  others = 1;
  for (const mark of [1, 2, 3]) elsewhere.packet(talk, Buffer.alloc(10, mark));
  elsewhere.called('group');
  elsewhere.packet(talk, Buffer.alloc(10, 4));
  await settle();
  expect(sent.map(([mark]) => mark)).toEqual([1, 2, 3, 4]);
});

it('what cannot be sent is counted, and packets go on when the bus is back', async () => {
  others = 1;
  elsewhere.begins(talk);
  await answer();
  isAway = true;
  await send();
  expect(counters.dropped.bus_away).toBe(1);
  isAway = false;
  expect(await send()).toBe(1);
});

it('nothing follows the end of the talk', async () => {
  others = 1;
  elsewhere.begins(talk);
  await answer();
  elsewhere.ends(talk);
  elsewhere.called('group');
  expect(await send()).toBe(0);
});
