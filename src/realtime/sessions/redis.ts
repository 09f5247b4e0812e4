import { readFileSync } from 'node:fs';
import type { Redis, Result } from 'ioredis';
import type { RedisLinks } from '../../infra/redis.ts';
import type { ProcessMailbox, ReplacementHandler, SessionClaims } from './port.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    nedaClaimSession(
      key: string,
      sessionId: string,
      owner: string,
      ttlMs: number,
      limit: number,
    ): Result<string | null, Context>;
    nedaRenewSession(key: string, sessionId: string, owner: string, ttlMs: number): Result<number, Context>;
    nedaReleaseSessions(key: string, ...pairs: string[]): Result<number, Context>;
  }
}

export interface RedisSessionClaimsOptions {
  readonly links: Pick<RedisLinks, 'commands' | 'within'>;
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
  const redis = links.commands;
  const processLeaseMs = options.processLeaseMs ?? DEFAULT_PROCESS_LEASE_MS;
  const timers = new Set<NodeJS.Timeout>();
  /** Claims that could not be given up while Redis was away: user, session and owner; tried again. */
  const unreleased = new Map<string, readonly [userId: string, sessionId: string, owner: string]>();
  let stopListening: (() => void) | null = null;
  let handler: ReplacementHandler | null = null;
  let closed = false;
  defineScripts(redis);

  const socketsKey = (userId: string): string => `${keyPrefix}sockets:{${userId}}`;
  const processKey = (id: string): string => `${keyPrefix}process:{${id}}`;
  const wait = <T>(command: Promise<T>): Promise<T> => links.within(SILENCE_MS, command);
  const ownerOf = (connectionId: string): string => `${processId} ${connectionId}`;

  async function giveSignOfLife(): Promise<void> {
    await wait(redis.set(processKey(processId), '1', 'PX', processLeaseMs)).catch(() => null);
  }

  async function release(userId: string, sessionId: string, owner: string): Promise<void> {
    if (unreleased.size < MAX_UNRELEASED) unreleased.set(owner, [userId, sessionId, owner]);
    await wait(redis.nedaReleaseSessions(socketsKey(userId), sessionId, owner));
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
        onMessage: (connectionId) => handler?.onReplaced(connectionId),
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
    const claims = Object.entries(await wait(redis.hgetall(socketsKey(userId))));
    const dead = new Set<string>();
    for (const other of new Set(claims.map(([, owner]) => processOf(owner)))) {
      if (other !== processId && (await wait(redis.exists(processKey(other)))) === 0) dead.add(other);
    }
    const pairs = claims.filter(([, owner]) => dead.has(processOf(owner))).flat();
    return pairs.length > 0 && (await wait(redis.nedaReleaseSessions(socketsKey(userId), ...pairs))) > 0;
  }

  return {
    async start(replacementHandler) {
      handler = replacementHandler;
      timers.add(setInterval(() => void giveSignOfLife().then(releaseAgain), processLeaseMs / 3));
      await Promise.all([giveSignOfLife(), listen()]);
    },
    async claim({ userId, sessionId, connectionId, ttlMs }, userLimit) {
      const key = socketsKey(userId);
      const owner = ownerOf(connectionId);
      let previous = await wait(redis.nedaClaimSession(key, sessionId, owner, ttlMs, userLimit));
      if (previous === null && (await dropDeadClaims(userId))) {
        previous = await wait(redis.nedaClaimSession(key, sessionId, owner, ttlMs, userLimit));
      }
      if (previous === null) return 'limit';
      if (previous === '' || previous === owner) return 'claimed';
      const replaced = previous.slice(previous.indexOf(' ') + 1);
      if (processOf(previous) === processId) handler?.onReplaced(replaced);
      // A lost message is found by the other process when it renews; the claim stands either way.
      else await mailbox.post(processOf(previous), replaced).catch(() => undefined);
      return 'claimed';
    },
    async renew({ userId, sessionId, connectionId, ttlMs }) {
      return (await wait(redis.nedaRenewSession(socketsKey(userId), sessionId, ownerOf(connectionId), ttlMs))) === 1;
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
      await wait(redis.del(processKey(processId))).catch(() => 0);
    },
  };
}

function processOf(owner: string): string {
  return owner.slice(0, owner.indexOf(' '));
}

function defineScripts(redis: Redis): void {
  const read = (name: string): string => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
  redis.defineCommand('nedaClaimSession', { numberOfKeys: 1, lua: read('claim') });
  redis.defineCommand('nedaRenewSession', { numberOfKeys: 1, lua: read('renew') });
  redis.defineCommand('nedaReleaseSessions', { numberOfKeys: 1, lua: read('release') });
}
