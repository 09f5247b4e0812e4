import { readFileSync } from 'node:fs';
import { type RedisLinks, type RedisScript, redisScript } from '../../infra/redis.ts';
import type { ProcessMailbox, ReplacementHandler, SessionClaims } from './port.ts';

export interface RedisSessionClaimsOptions {
  readonly links: Pick<RedisLinks, 'send' | 'run'>;
  readonly mailbox: ProcessMailbox;
  readonly keyPrefix: string;
  readonly processId: string;
  /** How long a process counts as alive after its last sign, in milliseconds; it gives one every third of it. */
  readonly processLeaseMs?: number;
}

const DEFAULT_PROCESS_LEASE_MS = 15_000;
const LISTEN_AGAIN_MS = 1_000;
const SILENCE_MS = 1_000;
const MAX_UNRELEASED = 10_000;

/**
 * Claims in Redis. `sockets:{<userId>}` holds a user's sessions with their sockets, `process:{<processId>}` is
 * there while a process lives, so that what a crash left behind does not count against the user's limit.
 */
export function createRedisSessionClaims(options: RedisSessionClaimsOptions): SessionClaims {
  const { links, mailbox, keyPrefix, processId } = options;
  const processLeaseMs = options.processLeaseMs ?? DEFAULT_PROCESS_LEASE_MS;
  const timers = new Set<NodeJS.Timeout>();
  /** Claims that could not be given up while Redis was away: user, session and owner; tried again. */
  const unreleased = new Map<string, readonly [userId: string, sessionId: string, owner: string]>();
  let stopListening: (() => void) | null = null;
  let handler: ReplacementHandler | null = null;
  let closed = false;

  const socketsKey = (userId: string): string => `${keyPrefix}sockets:{${userId}}`;
  const processKey = (id: string): string => `${keyPrefix}process:{${id}}`;
  const claimScript = readScript('claim');
  const renewScript = readScript('renew');
  const releaseScript = readScript('release');
  const ownerOf = (connectionId: string): string => `${processId} ${connectionId}`;

  async function giveSignOfLife(): Promise<void> {
    const key = processKey(processId);
    await links.send(SILENCE_MS, key, (redis) => redis.set(key, '1', 'PX', processLeaseMs)).catch(() => null);
  }

  async function release(userId: string, sessionId: string, owner: string): Promise<void> {
    if (unreleased.size < MAX_UNRELEASED) unreleased.set(owner, [userId, sessionId, owner]);
    await links.run(SILENCE_MS, releaseScript, [socketsKey(userId)], [sessionId, owner]);
    unreleased.delete(owner);
  }

  async function releaseAgain(): Promise<void> {
    try {
      for (const claim of unreleased.values()) await release(...claim);
    } catch {
      // Redis is still away.
    }
  }

  async function listen(): Promise<void> {
    try {
      stopListening = await mailbox.listen(processId, {
        onMessage: (payload) => handler?.onReplaced(wordOf(payload, 0)),
        onGap: () => handler?.onGap(),
      });
      if (closed) stopListening();
    } catch {
      if (closed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        void listen().then(() => handler?.onGap());
      }, LISTEN_AGAIN_MS);
      timers.add(timer);
    }
  }

  /** Drops the claims of processes that are dead; true when there were any. */
  async function dropDeadClaims(userId: string): Promise<boolean> {
    const key = socketsKey(userId);
    const claims = Object.entries(await links.send(SILENCE_MS, key, (redis) => redis.hgetall(key)));
    const dead = new Set<string>();
    for (const other of new Set(claims.map(([, owner]) => processOf(owner)))) {
      if (other === processId) continue;
      const sign = processKey(other);
      if ((await links.send(SILENCE_MS, sign, (redis) => redis.exists(sign))) === 0) dead.add(other);
    }
    const pairs = claims.filter(([, owner]) => dead.has(processOf(owner))).flat();
    return pairs.length > 0 && Number(await links.run(SILENCE_MS, releaseScript, [key], pairs)) > 0;
  }

  return {
    async start(replacementHandler) {
      handler = replacementHandler;
      timers.add(setInterval(() => void giveSignOfLife().then(releaseAgain), processLeaseMs / 3));
      await Promise.all([giveSignOfLife(), listen()]);
    },
    async claim({ userId, sessionId, connectionId, ttlMs }, userLimit) {
      const owner = ownerOf(connectionId);
      const claim = (): Promise<unknown> =>
        links.run(SILENCE_MS, claimScript, [socketsKey(userId)], [sessionId, owner, ttlMs, userLimit]);
      let previous = await claim();
      if (previous === null && (await dropDeadClaims(userId))) previous = await claim();
      if (typeof previous !== 'string') return 'limit';
      if (previous === '' || previous === owner) return 'claimed';
      const replaced = wordOf(previous, 1);
      if (processOf(previous) === processId) handler?.onReplaced(replaced);
      // A lost message is found by the other process when it renews; the claim stands either way.
      else await mailbox.post(processOf(previous), replaced).catch(() => undefined);
      return 'claimed';
    },
    async renew({ userId, sessionId, connectionId, ttlMs }) {
      const args = [sessionId, ownerOf(connectionId), ttlMs];
      return (await links.run(SILENCE_MS, renewScript, [socketsKey(userId)], args)) === 1;
    },
    async release({ userId, sessionId, connectionId }) {
      await release(userId, sessionId, ownerOf(connectionId));
    },
    async close() {
      closed = true;
      handler = null;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      stopListening?.();
      const key = processKey(processId);
      await links.send(SILENCE_MS, key, (redis) => redis.del(key)).catch(() => 0);
    },
  };
}

function processOf(owner: string): string {
  return wordOf(owner, 0);
}

/** Words that a later release adds come after those that are known. */
function wordOf(text: string, index: number): string {
  return text.split(' ')[index] ?? '';
}

function readScript(name: string): RedisScript {
  return redisScript(readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8'));
}
