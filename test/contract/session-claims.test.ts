import { v7 as newId } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis, type RedisLinks, RedisUnavailable } from '../../src/infra/redis.ts';
import { RedisBus } from '../../src/realtime/bus/redis.ts';
import {
  createBusMailbox,
  createMemoryClaimStore,
  createMemorySessionClaims,
  createRedisSessionClaims,
  type SessionClaims,
} from '../../src/realtime/sessions/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

interface Process {
  readonly claims: SessionClaims;
  readonly replaced: string[];
  readonly gaps: () => number;
  /** It dies without a word. */
  readonly die: () => Promise<void>;
}

/** Starts two processes over one store. */
type StartPair = () => Promise<{ readonly one: Process; readonly two: Process; readonly stop: () => Promise<void> }>;

async function start(claims: SessionClaims, die: () => Promise<void>): Promise<Process> {
  const replaced: string[] = [];
  let gaps = 0;
  await claims.start({
    onReplaced: (connectionId) => replaced.push(connectionId),
    onGap: () => {
      gaps += 1;
    },
  });
  return { claims, replaced, gaps: () => gaps, die };
}

const ttlMs = 60_000;
/** Longer than a machine stands still, as a process that lives must not look dead; a test waits for its end. */
const PROCESS_LEASE_MS = 4_000;
let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

async function startMemoryPair() {
  const store = createMemoryClaimStore();
  const make = async (): Promise<Process> => {
    const claims = createMemorySessionClaims(() => performance.now(), store);
    return start(claims, () => claims.close());
  };
  const [one, two] = [await make(), await make()];
  return { one, two, stop: () => Promise.all([one.claims.close(), two.claims.close()]).then(() => undefined) };
}

async function startRedisPair() {
  const keyPrefix = `t${newId()}:`;
  const links: RedisLinks[] = [];
  const make = async (): Promise<Process> => {
    const own = await connectRedis(redis.url);
    links.push(own);
    const claims = createRedisSessionClaims({
      links: own,
      mailbox: createBusMailbox(new RedisBus(own, keyPrefix)),
      keyPrefix,
      processId: newId(),
      processLeaseMs: PROCESS_LEASE_MS,
    });
    return start(claims, () => own.close());
  };
  const [one, two] = [await make(), await make()];
  return {
    one,
    two,
    stop: async () => {
      await Promise.all([one.claims.close(), two.claims.close()]);
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

describe.each<[string, StartPair]>([
  ['in memory', startMemoryPair],
  ['in Redis', startRedisPair],
])('session claims %s', (_name, startPair) => {
  let pair: Awaited<ReturnType<StartPair>>;
  let userId: string;
  const claimOf = (sessionId: string, connectionId: string) => ({ userId, sessionId, connectionId, ttlMs });

  beforeEach(async () => {
    pair = await startPair();
    userId = newId();
  });
  afterEach(async () => {
    await pair.stop();
  });

  it('the later claim wins and the earlier owner is told, in the same process and another', async () => {
    const { one, two } = pair;
    expect(await one.claims.claim(claimOf('s', 'c1'), 10)).toBe('claimed');
    expect(await one.claims.claim(claimOf('s', 'c2'), 10)).toBe('claimed');
    expect(one.replaced).toEqual(['c1']);
    expect(await two.claims.claim(claimOf('s', 'c3'), 10)).toBe('claimed');
    await expect.poll(() => one.replaced).toEqual(['c1', 'c2']);
    expect(two.replaced).toEqual([]);
    expect(await one.claims.renew(claimOf('s', 'c2'))).toBe(false);
    expect(await two.claims.renew(claimOf('s', 'c3'))).toBe(true);
  });

  it('the same claim twice replaces nobody', async () => {
    const { one } = pair;
    await one.claims.claim(claimOf('s', 'c1'), 10);
    await one.claims.claim(claimOf('s', 'c1'), 10);
    expect(one.replaced).toEqual([]);
  });

  it('a late release changes nothing, the owner’s own ends the claim', async () => {
    const { one, two } = pair;
    await one.claims.claim(claimOf('s', 'c1'), 10);
    await two.claims.claim(claimOf('s', 'c2'), 10);
    await one.claims.release(claimOf('s', 'c1'));
    expect(await one.claims.renew(claimOf('s', 'c1'))).toBe(false);
    await two.claims.release(claimOf('s', 'c2'));
    expect(await one.claims.renew(claimOf('s', 'c1'))).toBe(true);
    expect(two.replaced).toEqual([]);
  });

  it('of many at once exactly one stands, and all others are told', async () => {
    const { one, two } = pair;
    const ids = Array.from({ length: 20 }, (_, index) => `c${index}`);
    await Promise.all(ids.map((id, index) => (index % 2 === 0 ? one : two).claims.claim(claimOf('s', id), 10)));
    await expect.poll(() => one.replaced.length + two.replaced.length).toBe(19);
    const [owner] = ids.filter((id) => !one.replaced.includes(id) && !two.replaced.includes(id));
    const standing = await Promise.all(
      ids.map((id, index) => (index % 2 === 0 ? one : two).claims.renew(claimOf('s', id))),
    );
    expect(ids.filter((_id, index) => standing[index])).toEqual([owner]);
  });

  it('the limit counts sessions of the user over all processes, not sockets', async () => {
    const { one, two } = pair;
    expect(await one.claims.claim(claimOf('s1', 'c1'), 2)).toBe('claimed');
    expect(await two.claims.claim(claimOf('s2', 'c2'), 2)).toBe('claimed');
    expect(await one.claims.claim(claimOf('s3', 'c3'), 2)).toBe('limit');
    expect(await two.claims.claim(claimOf('s1', 'c4'), 2)).toBe('claimed');
    expect(await two.claims.claim({ ...claimOf('s1', 'c5'), userId: newId() }, 2)).toBe('claimed');
    expect(await two.claims.claim(claimOf('s4', 'c6'), 0)).toBe('claimed');
    await two.claims.release(claimOf('s4', 'c6'));
    await two.claims.release(claimOf('s2', 'c2'));
    expect(await one.claims.claim(claimOf('s3', 'c3'), 2)).toBe('claimed');
  });

  it('claims of a dead process do not count against the limit', async () => {
    const { one, two } = pair;
    await two.claims.claim(claimOf('s1', 'c1'), 2);
    await two.claims.claim(claimOf('s2', 'c2'), 2);
    await two.die();
    await expect.poll(() => one.claims.claim(claimOf('s3', 'c3'), 2)).toBe('claimed');
  });

  it('claims stand no longer than their time without a renewal', async () => {
    const { one, two } = pair;
    const brief = { ...claimOf('s', 'c1'), ttlMs: 40 };
    await one.claims.claim(brief, 10);
    await expect.poll(() => two.claims.renew(claimOf('s', 'c2'))).toBe(true);
  });

  it('a claim that the store has lost is made anew by a renewal', async () => {
    const { one, two } = pair;
    expect(await one.claims.renew(claimOf('s', 'c1'))).toBe(true);
    await two.claims.claim(claimOf('s', 'c2'), 10);
    await expect.poll(() => one.replaced).toEqual(['c1']);
  });
});

describe('session claims in Redis', () => {
  it('fail soon while Redis is away, and hear of the gap when it is back', async () => {
    await using own = await startRedis();
    const links = await connectRedis(own.url);
    const mailbox = createBusMailbox(new RedisBus(links, ''));
    const claims = createRedisSessionClaims({ links, mailbox, keyPrefix: '', processId: newId(), processLeaseMs: 300 });
    const process = await start(claims, () => links.close());
    const claim = { userId: newId(), sessionId: 's', connectionId: 'c1', ttlMs };
    await claims.claim(claim, 10);
    await own.kill();
    await expect(claims.claim(claim, 10)).rejects.toThrow(RedisUnavailable);
    await expect(claims.renew(claim)).rejects.toThrow(RedisUnavailable);
    await expect(claims.release(claim)).rejects.toThrow(RedisUnavailable);
    await own.start();
    await expect.poll(() => process.gaps()).toBeGreaterThan(0);
    await expect.poll(() => claims.renew(claim).catch(() => false)).toBe(true);
    await claims.close();
    await links.close();
  });

  it('that could not be given up while Redis was away are given up when it is back', async () => {
    await using own = await startRedis({ appendonly: 'yes', appendfsync: 'always' });
    const links = await connectRedis(own.url);
    const mailbox = createBusMailbox(new RedisBus(links, ''));
    const claims = createRedisSessionClaims({ links, mailbox, keyPrefix: '', processId: newId(), processLeaseMs: 300 });
    await start(claims, () => links.close());
    const claim = { userId: newId(), sessionId: 's', connectionId: 'c1', ttlMs };
    await claims.claim(claim, 10);
    await own.kill();
    await expect(claims.release(claim)).rejects.toThrow(RedisUnavailable);
    await own.start();
    await expect.poll(() => own.command(`EXISTS sockets:{${claim.userId}}`).catch(() => '')).toBe(':0\r\n');
    await claims.close();
    await links.close();
  });

  it('keep to their keys, each with a time to live, and leave none behind', async () => {
    const keyPrefix = `t${newId()}:`;
    const links = await connectRedis(redis.url);
    const processId = newId();
    const mailbox = createBusMailbox(new RedisBus(links, keyPrefix));
    const claims = createRedisSessionClaims({ links, mailbox, keyPrefix, processId });
    await start(claims, () => links.close());
    const userId = newId();
    await claims.claim({ userId, sessionId: 's', connectionId: 'c', ttlMs }, 10);
    const keysNow = (): Promise<string[]> => links.send(5_000, keyPrefix, (client) => client.keys(`${keyPrefix}*`));
    const keys = (await keysNow()).toSorted();
    expect(keys).toEqual([`${keyPrefix}process:{${processId}}`, `${keyPrefix}sockets:{${userId}}`]);
    for (const key of keys) expect(await links.send(5_000, key, (client) => client.pttl(key))).toBeGreaterThan(0);
    await claims.release({ userId, sessionId: 's', connectionId: 'c' });
    await claims.close();
    expect(await keysNow()).toEqual([]);
    await links.close();
  });
});
