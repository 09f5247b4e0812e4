import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { EVENT_LOG_LENGTH, type FloorTimings } from '../floor/index.ts';
import { KEY_COUNT } from '../redis-keys.ts';

/**
 * The scripts, one file each. `true`: may also run when Redis is out of memory, because it ends or renews what is
 * there (floor.md "One atomic step per decision").
 */
const scripts = {
  join: false,
  leave: true,
  request: false,
  commit: true,
  cancel: true,
  release: true,
  end: true,
  'withdraw-right': true,
  'rights-cleared': true,
  renew: true,
  settle: true,
  snapshot: true,
} as const;

export type ScriptName = keyof typeof scripts;

type Script = (...keysAndArguments: (string | number)[]) => Promise<unknown>;

export type FloorScripts = Readonly<Record<ScriptName, Script>>;

/** Stand before every script, in this order. */
const preludeParts = ['prelude.lua', 'prelude-floor.lua', 'prelude-settle.lua'];

const folder = new URL('./lua/', import.meta.url);

/** Reads the scripts and makes them commands of this connection. Sent by digest; by text only when unknown. */
export function loadScripts(redis: Redis, timings: FloorTimings): FloorScripts {
  const prelude = preludeParts.map((part) => readFileSync(new URL(part, folder), 'utf8')).join('\n');
  const constants = [
    `local LEASE_MS = ${timings.leaseMs}`,
    `local GRACE_MS = ${timings.graceMs}`,
    `local PENDING_MS = ${timings.pendingMs}`,
    `local FLUSH_MS = ${timings.presenceFlushMs}`,
    `local LINGER_MS = ${timings.lingerMs}`,
    `local LOG_LENGTH = ${EVENT_LOG_LENGTH}`,
  ].join('\n');
  function define(name: ScriptName): Script {
    const shebang = scripts[name] ? '#!lua flags=allow-oom' : '#!lua';
    const body = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
    const command = `neda_floor_${name.replaceAll('-', '_')}`;
    redis.defineCommand(command, { numberOfKeys: KEY_COUNT, lua: [shebang, constants, prelude, body].join('\n') });
    const script: unknown = Reflect.get(redis, command);
    if (typeof script !== 'function') throw new Error(`The script ${name} could not be defined`);
    return async (...keysAndArguments) => {
      const reply: unknown = await Reflect.apply(script, redis, keysAndArguments);
      return reply;
    };
  }
  return {
    join: define('join'),
    leave: define('leave'),
    request: define('request'),
    commit: define('commit'),
    cancel: define('cancel'),
    release: define('release'),
    end: define('end'),
    'withdraw-right': define('withdraw-right'),
    'rights-cleared': define('rights-cleared'),
    renew: define('renew'),
    settle: define('settle'),
    snapshot: define('snapshot'),
  };
}
