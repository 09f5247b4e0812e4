import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RedisLinks } from '../../infra/redis.ts';
import type { StoreLife } from './store.ts';

const SILENCE_MS = 2_000;
/** Longer than PostgreSQL may take to answer. */
const LOCK_LIFE_MS = 5_000;
const LOCK_PAUSE_MS = 20;

/** Gives the generation of a live store: raised when its run id is unknown or it is empty. */
export type RaiseGeneration = (store: {
  readonly key: string;
  readonly runId: string;
  readonly isEmpty: boolean;
}) => Promise<number>;

export interface StoreLifeOptions {
  readonly links: RedisLinks;
  readonly keyPrefix: string;
  readonly leaseMs: number;
  readonly raiseGeneration: RaiseGeneration;
}

/**
 * Which life of the live store this is (floor.md "Epochs"). A store that is met for the first time after another one
 * (a new primary, lost data) grants nothing for one lease, counted from when the first process met it. PostgreSQL is
 * asked only when the store's own mark is missing or another run's.
 */
export async function meetStore(options: StoreLifeOptions): Promise<StoreLife> {
  const { links } = options;
  const { commands } = links;
  const info = await links.within(SILENCE_MS, commands.info('server'));
  const runId = /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
  const lock = `${options.keyPrefix}life-lock`;
  const token = randomUUID();
  const endsAtMs = performance.now() + LOCK_LIFE_MS;
  for (;;) {
    const known = await readMark(options);
    if (known !== null && known.runId === runId) return known.life;
    // Of several processes that meet a new store at once one raises the generation; the others find its mark.
    const isMine = (await links.within(SILENCE_MS, commands.set(lock, token, 'PX', LOCK_LIFE_MS, 'NX'))) === 'OK';
    if (!isMine && performance.now() < endsAtMs) {
      await pause(LOCK_PAUSE_MS);
      continue;
    }
    try {
      return await raise(options, runId, (await readMark(options)) === null);
    } finally {
      if (isMine) await links.within(SILENCE_MS, commands.eval(UNLOCK, 1, lock, token));
    }
  }
}

interface Mark {
  readonly life: StoreLife;
  readonly runId: string;
}

async function readMark({ links, keyPrefix }: StoreLifeOptions): Promise<Mark | null> {
  const [generation, quietUntil, runId] = await links.within(
    SILENCE_MS,
    links.commands.hmget(`${keyPrefix}life`, 'generation', 'quietUntil', 'runId'),
  );
  if (typeof generation !== 'string') return null;
  return { life: { generation: Number(generation), quietUntilMs: Number(quietUntil) }, runId: runId ?? '' };
}

async function raise(options: StoreLifeOptions, runId: string, isEmpty: boolean): Promise<StoreLife> {
  const { links, keyPrefix, leaseMs } = options;
  const { commands } = links;
  const generation = await options.raiseGeneration({
    key: `redis ${keyPrefix}`,
    runId,
    isEmpty,
  });
  const [seconds, microseconds] = await links.within(SILENCE_MS, commands.time());
  const nowMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const quietUntilMs = generation === 1 ? 0 : nowMs + leaseMs;
  const marked: unknown = await links.within(
    SILENCE_MS,
    commands.eval(MARK_LIFE, 1, `${keyPrefix}life`, generation, quietUntilMs, runId),
  );
  const [newest, quiet] = Array.isArray(marked) ? marked.map(Number) : [];
  if (newest === undefined || quiet === undefined) throw new Error('the script that marks the life answered no pair');
  return { generation: newest, quietUntilMs: quiet };
}

/** The newest generation counts, for all processes. */
const MARK_LIFE = `
local known = redis.call('HGET', KEYS[1], 'generation')
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'quietUntil', ARGV[2], 'runId', ARGV[3])
else
  redis.call('HSET', KEYS[1], 'runId', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'generation', 'quietUntil')
`;

const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
`;
