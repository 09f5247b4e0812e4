import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import { RedisAudioBus, RedisBus } from '../../src/realtime/bus/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';

const PREFIX = 'audio-bus:';
const packet = (mark: number): Buffer => Buffer.from([1, 0, 0, 0, 9, 0, 0, 0, mark, 0xff, 0xc3, 0x28, 0]);

let redis: TestRedis;
let hereLinks: RedisLinks;
let thereLinks: RedisLinks;
let here: RedisAudioBus;
let there: RedisAudioBus;

beforeAll(async () => {
  redis = await startRedis();
  [hereLinks, thereLinks] = await Promise.all([connectRedis(redis.url), connectRedis(redis.url)]);
  here = new RedisAudioBus(hereLinks, PREFIX, uuid());
  there = new RedisAudioBus(thereLinks, PREFIX, uuid());
});
afterAll(async () => {
  redis.resume();
  await Promise.all([hereLinks.close(), thereLinks.close()]);
  await redis[Symbol.asyncDispose]();
});

function listener() {
  const heard: Buffer[] = [];
  return { heard, handler: { onPacket: (bytes: Buffer) => void heard.push(bytes) } };
}

async function untilHeard(heard: readonly Buffer[], count: number): Promise<void> {
  await until(() => heard.length >= count, {
    limitMs: 15_000,
    describe: () => `${count} packets, not ${heard.length}`,
  });
}

test('packets reach other processes as they are and in their order, and not their own', async () => {
  const groupId = uuid();
  const [own, other] = [listener(), listener()];
  await here.subscribe(groupId, own.handler);
  expect(await here.listeners(groupId)).toBe(0);
  expect(await here.publish(groupId, packet(0))).toBe(0);
  await there.subscribe(groupId, other.handler);
  expect(await here.listeners(groupId)).toBe(1);
  expect(await Promise.all([1, 2, 3].map((mark) => here.publish(groupId, packet(mark))))).toEqual([1, 1, 1]);
  await untilHeard(other.heard, 3);
  expect(other.heard).toEqual([1, 2, 3].map(packet));
  await there.publish(groupId, packet(4));
  await untilHeard(own.heard, 1);
  expect(own.heard).toEqual([packet(4)]);
});

test('as many packets at once as may be sent in a second all get through', async () => {
  const groupId = uuid();
  const { heard, handler } = listener();
  await there.subscribe(groupId, handler);
  const marks = Array.from({ length: 110 }, (_, index) => index);
  await Promise.all(marks.map((mark) => here.publish(groupId, packet(mark))));
  await untilHeard(heard, marks.length);
  expect(heard).toEqual(marks.map(packet));
});

test('a payload of another format is passed over', async () => {
  const groupId = uuid();
  const { heard, handler } = listener();
  await there.subscribe(groupId, handler);
  const channel = `${PREFIX}audio:{${groupId}}`;
  for (const payload of [Buffer.alloc(40, 2), Buffer.alloc(0), Buffer.from('text')]) {
    await hereLinks.send(1_000, channel, (client) => client.spublish(channel, payload));
  }
  await here.publish(groupId, packet(1));
  await untilHeard(heard, 1);
  expect(heard).toEqual([packet(1)]);
});

test('whoever has the group’s channel is told when somebody begins to listen, and who is to be silent', async () => {
  const groupId = uuid();
  const told: string[] = [];
  const bus = new RedisBus(hereLinks, PREFIX);
  await bus.subscribeGroup(groupId, { onMessage: (payload) => void told.push(payload), onGap: () => undefined });
  await there.subscribe(groupId, listener().handler);
  await until(() => told.length > 0, { limitMs: 15_000, describe: () => 'the call comes' });
  expect(told).toEqual(['1 A\n']);
  await there.hush(groupId, 'talk', 2_500);
  await until(() => told.length > 1, { limitMs: 15_000, describe: () => 'the other call comes' });
  expect(told).toEqual(['1 A\n', '1 S talk 2500\n']);
});

test('the end of a subscription that was replaced ends nothing', async () => {
  const groupId = uuid();
  const [first, second] = [listener(), listener()];
  const end = await there.subscribe(groupId, first.handler);
  const endSecond = await there.subscribe(groupId, second.handler);
  end();
  expect(await here.publish(groupId, packet(1))).toBe(1);
  await untilHeard(second.heard, 1);
  endSecond();
  await until(async () => (await here.listeners(groupId)) === 0, { limitMs: 15_000, describe: () => 'nobody listens' });
});

test('a Redis that is silent for half a second is left with no more packets of a group until it answers', async () => {
  const groupId = uuid();
  redis.pause();
  const sentAtMs = performance.now();
  const sent = [here.publish(groupId, packet(0)), here.publish(groupId, packet(1))];
  await until(() => performance.now() - sentAtMs > 500, { limitMs: 15_000, describe: () => 'it is late' });
  await expect(here.publish(groupId, packet(2))).rejects.toThrow('Redis has not taken earlier packets');
  sent.push(here.publish(uuid(), packet(0)));
  redis.resume();
  expect(await Promise.all(sent)).toEqual([0, 0, 0]);
  expect(await here.publish(groupId, packet(3))).toBe(0);
});
