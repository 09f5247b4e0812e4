import { v7 as uuid } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { connectRedis, type RedisLinks, redisScript, RedisUnavailable } from '../../src/infra/redis.ts';
import { RedisFloorStore, StoreLives } from '../../src/realtime/floor-redis/index.ts';
import { startRedisCluster, type TestRedis, type TestRedisCluster } from '../_support/redis.ts';
import { patient } from './floor-store/redis-harness.ts';
import { person, press } from './floor-store/scene.ts';

/** A slot moves, a primary loses its data: what a Redis Cluster does that a single Redis does not. */

const SILENCE_MS = 2_000;
const keyPrefix = 'slots:';
const increment = redisScript(`return redis.call('INCR', KEYS[1])`);

let cluster: TestRedisCluster;
let links: RedisLinks;
let raised: number;

beforeEach(async () => {
  cluster = await startRedisCluster();
  links = await connectRedis(cluster.url);
  raised = 0;
});
afterEach(async () => {
  await links.close();
  await cluster[Symbol.asyncDispose]();
});

function livesOf(opened: RedisLinks): StoreLives {
  // As PostgreSQL counts: an empty store is another one, whoever asks.
  const raiseGeneration = async ({ isEmpty }: { isEmpty: boolean }) => (isEmpty ? (raised += 1) : raised);
  return new StoreLives({ links: opened, keyPrefix, leaseMs: 6_000, raiseGeneration });
}

/** A group on this node. */
async function groupOn(node: TestRedis): Promise<string> {
  for (;;) {
    const groupId = uuid();
    if ((await cluster.nodeOf(`{${groupId}}`)) === node) return groupId;
  }
}

interface Move {
  readonly from: TestRedis;
  readonly to: TestRedis;
  readonly slot: number;
  /** Moves these keys; the slot is on its way then. */
  carry(keys: readonly string[]): Promise<void>;
  /** Gives the slot to its new owner. */
  finish(): Promise<void>;
}

async function moveSlotOf(key: string): Promise<Move> {
  const from = await cluster.nodeOf(key);
  const to = cluster.nodes.find((node) => node !== from);
  if (to === undefined) throw new Error('A second node is needed');
  const idOf = async (node: TestRedis): Promise<string> =>
    /[0-9a-f]{40}/.exec(await node.command('CLUSTER MYID'))?.[0] ?? '';
  const [fromId, toId] = await Promise.all([idOf(from), idOf(to)]);
  const slot = Number((await from.command(`CLUSTER KEYSLOT ${key}`)).slice(1));
  await to.command(`CLUSTER SETSLOT ${slot} IMPORTING ${fromId}`);
  await from.command(`CLUSTER SETSLOT ${slot} MIGRATING ${toId}`);
  return {
    from,
    to,
    slot,
    async carry(keys) {
      expect(await from.command(`MIGRATE 127.0.0.1 ${to.port} "" 0 1000 KEYS ${keys.join(' ')}`)).toBe('+OK\r\n');
    },
    async finish() {
      for (const node of [to, from]) await node.command(`CLUSTER SETSLOT ${slot} NODE ${toId}`);
    },
  };
}

async function keysOf({ from, slot }: Move): Promise<string[]> {
  const reply = await from.command(`CLUSTER GETKEYSINSLOT ${slot} 1000`);
  return reply.split('\r\n').filter((line) => line.startsWith(keyPrefix));
}

test('scripts follow a slot that is on its way, and one that has moved', async () => {
  const key = `${keyPrefix}counter:{a}`;
  const next = (): Promise<unknown> => links.run(SILENCE_MS, increment, [key], []);
  expect(await next()).toBe(1);
  expect(await next()).toBe(2);
  const move = await moveSlotOf(key);
  expect(await next()).toBe(3);
  await move.carry([key]);
  expect(await next()).toBe(4);
  expect(await next()).toBe(5);
  await move.finish();
  expect(await next()).toBe(6);
  expect(links.primaryOf(key)?.address).toBe(`127.0.0.1:${move.to.port}`);
});

test('a subscription follows its slot, and says that something may be missing; others do not', async () => {
  const [moving, staying] = ['channel:{a}', 'channel:{b}'];
  const heard: string[] = [];
  let gaps = 0;
  const count = { onMessage: (payload: Buffer) => void heard.push(payload.toString()), onGap: () => void (gaps += 1) };
  await links.subscribe(moving, SILENCE_MS, count);
  await links.subscribe(staying, SILENCE_MS, { onMessage() {}, onGap: () => heard.push('gap elsewhere') });
  const say = (payload: string): Promise<unknown> =>
    links.send(SILENCE_MS, moving, (redis) => redis.spublish(moving, payload));
  await say('before');
  await expect.poll(() => heard).toEqual(['before']);
  await (await moveSlotOf(moving)).finish();
  await expect.poll(() => gaps).toBe(1);
  await say('after');
  await expect.poll(() => heard).toEqual(['before', 'after']);
});

test('a primary that is away is found again, with its subscriptions', async () => {
  const channel = 'channel:{a}';
  const heard: string[] = [];
  await links.subscribe(channel, SILENCE_MS, {
    onMessage: (payload) => heard.push(payload.toString()),
    onGap: () => heard.push('gap'),
  });
  const node = await cluster.nodeOf(channel);
  await node.kill();
  await expect.poll(() => links.primaryOf(channel)?.isReady).toBe(false);
  using watch = new StandstillWatch();
  const askedAtMs = performance.now();
  await expect(links.send(SILENCE_MS, channel, (redis) => redis.get(channel))).rejects.toBeInstanceOf(RedisUnavailable);
  expect(performance.now() - askedAtMs - watch.between(askedAtMs)).toBeLessThan(600);
  expect(await links.health()).toBe('ok');
  await node.start();
  await expect.poll(() => heard).toEqual(['gap']);
});

test('primaries that are new together get one generation, and need not wait', async () => {
  const opened = await Promise.all(Array.from({ length: 4 }, () => connectRedis(cluster.url)));
  try {
    const groups = await Promise.all(cluster.nodes.map(groupOn));
    await Promise.all(
      opened.map(async (own) => {
        const lives = livesOf(own);
        await lives.meet(own.primaries);
        for (const groupId of groups) expect(lives.of(groupId)).toEqual({ generation: 1, quietUntilMs: 0 });
      }),
    );
    expect(raised).toBe(1);
  } finally {
    await Promise.all(opened.map((own) => own.close()));
  }
});

test('a primary that lost its data begins a new life, quiet for a lease; the others keep theirs', async () => {
  const groups = await Promise.all(cluster.nodes.map(groupOn));
  const lives = livesOf(links);
  await lives.meet(links.primaries);
  await cluster.nodes[1]?.command('FLUSHALL');
  for (const groupId of groups) await lives.meetFor(groupId);
  expect(groups.map((groupId) => lives.of(groupId).generation)).toEqual([1, 2, 1]);
  expect(lives.of(groups[1] ?? '').quietUntilMs).toBeGreaterThan(Date.now());
});

test('a group that moves to a primary of an older life takes that one to a new life, and goes on there', async () => {
  const lives = livesOf(links);
  await lives.meet(links.primaries);
  const [source] = cluster.nodes;
  if (source === undefined) throw new Error('A node is needed');
  await source.command('FLUSHALL');
  const groupId = await groupOn(source);
  await lives.meetFor(groupId);
  const store = new RedisFloorStore({
    links: patient(links),
    keyPrefix,
    processId: 'p',
    life: (group) => ({ ...lives.of(group), quietUntilMs: 0 }),
    meet: (group, refused) => lives.meetFor(group, refused),
  });
  const alice = person('Alice');
  const joined = await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
  expect(Math.floor(joined.epoch / 2 ** 32)).toBe(2);
  const move = await moveSlotOf(`{${groupId}}`);
  await move.carry(await keysOf(move));
  await move.finish();
  expect(await store.request(press(groupId, alice))).toMatchObject({ status: 'granted' });
  expect((await store.snapshot({ groupId, since: null })).epoch).toBeGreaterThan(joined.epoch);
  expect(lives.of(groupId).generation).toBe(3);
});
