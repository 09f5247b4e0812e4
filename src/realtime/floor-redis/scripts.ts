import { readFileSync } from 'node:fs';
import { type RedisScript, redisScript } from '../../infra/redis.ts';
import { EVENT_LOG_LENGTH, type FloorTimings } from '../floor/index.ts';

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
  publishers: true,
} as const;

export type ScriptName = keyof typeof scripts;

export type FloorScripts = Readonly<Record<ScriptName, RedisScript>>;

/** Stand before every script, in this order. */
const preludeParts = ['prelude.lua', 'prelude-floor.lua', 'prelude-settle.lua'];

const folder = new URL('./lua/', import.meta.url);

/** Reads the scripts. */
export function readScripts(timings: FloorTimings): FloorScripts {
  const prelude = preludeParts.map((part) => readFileSync(new URL(part, folder), 'utf8')).join('\n');
  const constants = [
    `local LEASE_MS = ${timings.leaseMs}`,
    `local GRACE_MS = ${timings.graceMs}`,
    `local PENDING_MS = ${timings.pendingMs}`,
    `local FLUSH_MS = ${timings.presenceFlushMs}`,
    `local LINGER_MS = ${timings.lingerMs}`,
    `local LOG_LENGTH = ${EVENT_LOG_LENGTH}`,
  ].join('\n');
  function read(name: ScriptName): RedisScript {
    const shebang = scripts[name] ? '#!lua flags=allow-oom' : '#!lua';
    const body = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
    return redisScript([shebang, constants, prelude, body].join('\n'));
  }
  return {
    join: read('join'),
    leave: read('leave'),
    request: read('request'),
    commit: read('commit'),
    cancel: read('cancel'),
    release: read('release'),
    end: read('end'),
    'withdraw-right': read('withdraw-right'),
    'rights-cleared': read('rights-cleared'),
    renew: read('renew'),
    settle: read('settle'),
    snapshot: read('snapshot'),
    publishers: read('publishers'),
  };
}
