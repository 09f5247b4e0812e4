import type { RedisLinks } from '../../infra/redis.ts';
import type { StoreLife } from './store.ts';

const SILENCE_MS = 2_000;

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
  const { links, keyPrefix, leaseMs } = options;
  const { commands } = links;
  const key = `${keyPrefix}life`;
  const info = await links.within(SILENCE_MS, commands.info('server'));
  const runId = /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
  const [known, quietUntil, knownRunId] = await links.within(
    SILENCE_MS,
    commands.hmget(key, 'generation', 'quietUntil', 'runId'),
  );
  if (typeof known === 'string' && knownRunId === runId) {
    return { generation: Number(known), quietUntilMs: Number(quietUntil) };
  }
  const generation = await options.raiseGeneration({
    key: `redis ${keyPrefix}`,
    runId,
    isEmpty: known === null || known === undefined,
  });
  const [seconds, microseconds] = await links.within(SILENCE_MS, commands.time());
  const nowMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const quietUntilMs = generation === 1 ? 0 : nowMs + leaseMs;
  const marked: unknown = await links.within(
    SILENCE_MS,
    commands.eval(MARK_LIFE, 1, key, generation, quietUntilMs, runId),
  );
  const [newest, quiet] = Array.isArray(marked) ? marked.map(Number) : [];
  if (newest === undefined || quiet === undefined) throw new Error('the script that marks the life answered no pair');
  return { generation: newest, quietUntilMs: quiet };
}

/** Of several processes that meet a new store at once the newest generation counts, for all of them. */
const MARK_LIFE = `
local known = redis.call('HGET', KEYS[1], 'generation')
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'quietUntil', ARGV[2], 'runId', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'generation', 'quietUntil')
`;
