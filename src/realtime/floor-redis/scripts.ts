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

/** Have the operations of prelude-snapshot.lua, too. */
const tellWhatIs: readonly ScriptName[] = ['join', 'snapshot'];

const folder = new URL('./lua/', import.meta.url);

/**
 * Reads the scripts. Lua makes the operations anew at each run, and looks for each local of the same function that one of
 * them uses. So constants are written into the text, and the operations stand in a function of their own: what they use
 * of the first part is then found at once.
 */
export function readScripts(timings: FloorTimings): FloorScripts {
  const constants: Readonly<Record<string, number>> = {
    LEASE_MS: timings.leaseMs,
    GRACE_MS: timings.graceMs,
    PENDING_MS: timings.pendingMs,
    FLUSH_MS: timings.presenceFlushMs,
    LINGER_MS: timings.lingerMs,
    LOG_LENGTH: EVENT_LOG_LENGTH,
  };
  function text(file: string): string {
    const lua = readFileSync(new URL(file, folder), 'utf8');
    return lua.replaceAll(/\b[A-Z]+_[A-Z]+\b/g, (name) => String(constants[name] ?? name));
  }
  const [base = '', ...operations] = preludeParts.map(text);
  function read(name: ScriptName): RedisScript {
    const shebang = scripts[name] ? '#!lua flags=allow-oom' : '#!lua';
    const snapshots = tellWhatIs.includes(name) ? [text('prelude-snapshot.lua')] : [];
    const inner = [...operations, ...snapshots, text(`${name}.lua`)];
    return redisScript([shebang, base, 'return (function()', ...inner, 'end)()'].join('\n'));
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
