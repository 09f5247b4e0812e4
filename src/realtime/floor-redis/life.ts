import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type RedisLinks, type RedisPrimary, redisScript, RedisUnavailable } from '../../infra/redis.ts';
import { placeOfGroup } from '../redis-keys.ts';
import type { StoreLife } from './store.ts';

const SILENCE_MS = 2_000;
/** Longer than PostgreSQL may take to answer. */
const LOCK_LIFE_MS = 5_000;
const LOCK_PAUSE_MS = 20;
const UNKNOWN: StoreLife = { generation: 0, quietUntilMs: 0 };

/** Gives the generation of a live store: raised when its run id is unknown or it is empty. */
export type RaiseGeneration = (store: {
  readonly key: string;
  readonly runId: string;
  readonly isEmpty: boolean;
}) => Promise<number>;

export interface StoreLivesOptions {
  readonly links: RedisLinks;
  readonly keyPrefix: string;
  readonly leaseMs: number;
  readonly raiseGeneration: RaiseGeneration;
}

interface Mark {
  readonly life: StoreLife;
  readonly runId: string;
}

/**
 * Which life of the live store this is (floor.md "Epochs"), for each primary of its own: where one has lost its data
 * the groups of the others go on. Generations are counted together for all, so that they grow for a group that moves
 * to another primary. A primary that is met for the first time after another one (fail-over, lost data) grants nothing
 * for one lease, counted from when the first process met it. PostgreSQL is asked only when the primary's own mark is
 * missing, another run's, or older than a group that it has.
 */
export class StoreLives {
  readonly #options: StoreLivesOptions;
  readonly #lives = new Map<string, StoreLife>();
  readonly #meetings = new Map<string, Promise<void>>();

  constructor(options: StoreLivesOptions) {
    this.#options = options;
  }

  /** As it was met last; generation 0 when it was not yet, or when nobody has the group's slot. */
  of(groupId: string): StoreLife {
    const { links, keyPrefix } = this.#options;
    const address = links.primaryOf(placeOfGroup(keyPrefix, groupId))?.address;
    return (address === undefined ? undefined : this.#lives.get(address)) ?? UNKNOWN;
  }

  get newestGeneration(): number {
    return Math.max(0, ...[...this.#lives.values()].map((life) => life.generation));
  }

  /** The life of the primary that has a group. `refused`: the group knows of a later generation than this one. */
  async meetFor(groupId: string, refused = 0): Promise<void> {
    const { links, keyPrefix } = this.#options;
    const primary = links.primaryOf(placeOfGroup(keyPrefix, groupId));
    if (primary === undefined) throw new RedisUnavailable('No Redis has the slot of this group');
    return this.meet([primary], refused);
  }

  /** Meets primaries; those that are new together get one generation. Throws when one does not answer. */
  async meet(primaries: readonly RedisPrimary[], refused = 0): Promise<void> {
    const addresses = primaries.map((primary) => primary.address).join(' ');
    const name = `${refused} ${addresses}`;
    const underWay = this.#meetings.get(name);
    if (underWay !== undefined) return underWay;
    const meeting = this.#meet(primaries, refused).finally(() => this.#meetings.delete(name));
    this.#meetings.set(name, meeting);
    return meeting;
  }

  async #meet(primaries: readonly RedisPrimary[], refused: number): Promise<void> {
    const runIds = new Map<RedisPrimary, string>();
    await Promise.all(primaries.map(async (primary) => runIds.set(primary, await runIdOf(primary))));
    const unknown = async (some: readonly RedisPrimary[]): Promise<RedisPrimary[]> => {
      const marks = await Promise.all(some.map((primary) => this.#readMark(primary)));
      return some.filter((primary, index) => {
        const mark = marks[index] ?? null;
        if (mark === null || mark.runId !== runIds.get(primary) || mark.life.generation <= refused) return true;
        this.#lives.set(primary.address, mark.life);
        return false;
      });
    };
    const newOnes = await unknown(primaries);
    if (newOnes.length === 0) return;
    // In one order for all processes. Of several that meet a new store at once one raises the generation; the others
    // find its mark.
    const locks = await this.#lock(
      newOnes.toSorted((a, b) => (a.address < b.address ? -1 : 1)),
      unknown,
    );
    try {
      const left = await unknown(newOnes);
      if (left.length > 0) await this.#raise(left, runIds, refused);
    } finally {
      await Promise.all(locks.map((unlock) => unlock()));
    }
  }

  /** Takes the locks of these primaries, one after the other; waits for others no longer than a lock can live. */
  async #lock(
    primaries: readonly RedisPrimary[],
    unknown: (some: readonly RedisPrimary[]) => Promise<RedisPrimary[]>,
  ): Promise<(() => Promise<unknown>)[]> {
    const token = randomUUID();
    const endsAtMs = performance.now() + LOCK_LIFE_MS;
    const locks: (() => Promise<unknown>)[] = [];
    for (const primary of primaries) {
      const key = this.#key('life-lock', primary);
      for (;;) {
        const taken = await primary.send(SILENCE_MS, (redis) => redis.set(key, token, 'PX', LOCK_LIFE_MS, 'NX'));
        if (taken === 'OK') {
          locks.push(() => primary.run(SILENCE_MS, UNLOCK, [key], [token]));
          break;
        }
        if (performance.now() >= endsAtMs || (await unknown([primary])).length === 0) break;
        await pause(LOCK_PAUSE_MS);
      }
    }
    return locks;
  }

  async #raise(primaries: readonly RedisPrimary[], runIds: ReadonlyMap<RedisPrimary, string>, refused: number) {
    const marks = await Promise.all(primaries.map((primary) => this.#readMark(primary)));
    const generation = await this.#options.raiseGeneration({
      key: `redis ${this.#options.keyPrefix}`,
      runId: primaries.map((primary) => runIds.get(primary)).join(' '),
      isEmpty: marks.some((mark) => mark === null || mark.life.generation <= refused),
    });
    await Promise.all(
      primaries.map(async (primary) => {
        const [seconds, microseconds] = await primary.send(SILENCE_MS, (redis) => redis.time());
        const nowMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
        const quietUntilMs = generation === 1 ? 0 : nowMs + this.#options.leaseMs;
        const args = [generation, quietUntilMs, runIds.get(primary) ?? ''];
        const marked: unknown = await primary.run(SILENCE_MS, MARK_LIFE, [this.#key('life', primary)], args);
        const [newest, quiet] = Array.isArray(marked) ? marked.map(Number) : [];
        if (newest === undefined || quiet === undefined) throw new Error('The mark of a life was not answered');
        this.#lives.set(primary.address, { generation: newest, quietUntilMs: quiet });
      }),
    );
  }

  async #readMark(primary: RedisPrimary): Promise<Mark | null> {
    const [generation, quietUntil, runId] = await primary.send(SILENCE_MS, (redis) =>
      redis.hmget(this.#key('life', primary), 'generation', 'quietUntil', 'runId'),
    );
    if (typeof generation !== 'string') return null;
    return { life: { generation: Number(generation), quietUntilMs: Number(quietUntil) }, runId: runId ?? '' };
  }

  #key(name: string, primary: RedisPrimary): string {
    return `${this.#options.keyPrefix}${name}:{${primary.tag}}`;
  }
}

async function runIdOf(primary: RedisPrimary): Promise<string> {
  const info = await primary.send(SILENCE_MS, (redis) => redis.info('server'));
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
}

/** The newest generation counts, for all processes. */
const MARK_LIFE = redisScript(`
local known = redis.call('HGET', KEYS[1], 'generation')
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'quietUntil', ARGV[2], 'runId', ARGV[3])
else
  redis.call('HSET', KEYS[1], 'runId', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'generation', 'quietUntil')
`);

const UNLOCK = redisScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
`);
