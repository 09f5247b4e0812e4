import type { Secret } from '../../config.ts';
import { placeOf, redisReason } from '../../infra/preflight.ts';
import { evictsKeys, probeRedis, type RedisFacts, type RedisInfo } from '../../infra/probes/redis.ts';
import { failed, ok, warning, type Finding } from './finding.ts';

const leastMajor = 7;
/** Every press and every release waits for one answer. */
const slowMs = 20;
const mebibyte = 1024 * 1024;

export async function checkRedisServer(url: Secret, limitMs: number): Promise<Finding[]> {
  try {
    return judgeRedis(await probeRedis(url, limitMs), placeOf(url, '6379'));
  } catch (error) {
    return [failed('redis', `REDIS_URL: ${redisReason(error, url)}`)];
  }
}

export function judgeRedis({ info, latencyMs }: RedisFacts, place: string): Finding[] {
  const speed =
    latencyMs > slowMs
      ? warning('redis latency', `${latencyMs.toFixed(1)} ms; every press waits for it: bring Redis nearer`)
      : ok('redis latency', `${latencyMs.toFixed(1)} ms`);
  if (info === null) {
    return [
      failed(
        'redis',
        `at ${place} it answers, and this user may not ask INFO, which the server needs; allow it: ACL SETUSER <user> +info`,
      ),
      speed,
    ];
  }
  return [judgeServer(info, place), judgeMemory(info), judgePersistence(info), speed];
}

function judgeServer({ version, mode, role }: RedisInfo, place: string): Finding {
  const found = `Redis ${version} at ${place}, ${mode}`;
  if (Number.parseInt(version, 10) < leastMajor) return failed('redis', `${found}; Redis 7.0 or later is needed`);
  if (mode === 'sentinel') return failed('redis', `${found}; REDIS_URL must name the Redis itself, not its sentinel`);
  if (role === 'slave')
    return failed('redis', `${found}, a replica that takes no changes; name the primary in REDIS_URL`);
  return ok('redis', found);
}

function judgeMemory(info: RedisInfo): Finding {
  const { evictionPolicy, maxMemoryBytes, usedMemoryBytes } = info;
  const used = `${(usedMemoryBytes / mebibyte).toFixed(1)} MiB used`;
  const limit = maxMemoryBytes === 0 ? 'no limit' : `of ${(maxMemoryBytes / mebibyte).toFixed(0)} MiB`;
  const found = `maxmemory-policy ${evictionPolicy}, ${used}, ${limit}`;
  const mend = 'set maxmemory-policy to noeviction';
  if (evictsKeys(info)) {
    return maxMemoryBytes === 0
      ? warning('redis memory', `${found}; a limit would make it throw talks and presence away: ${mend}`)
      : failed('redis memory', `${found}; it throws talks and presence away when that is full: ${mend}`);
  }
  if (evictionPolicy === 'unknown') return warning('redis memory', `${found}; see that it is noeviction`);
  if (maxMemoryBytes > 0 && usedMemoryBytes > 0.9 * maxMemoryBytes) {
    return warning('redis memory', `${found}; nothing is granted when it is full: raise maxmemory`);
  }
  return ok('redis memory', found);
}

function judgePersistence({ appendOnly, save }: RedisInfo): Finding {
  const kept = 'talks that wait for the history outlive a restart of Redis';
  if (appendOnly) return ok('redis persistence', `appendonly: ${kept}; nobody can talk for some seconds after one`);
  if (save === null)
    return ok('redis persistence', `no appendonly; this user may not ask for snapshots (CONFIG GET save)`);
  if (save === '') {
    return ok(
      'redis persistence',
      'none: a restart of Redis ends the talks and loses those that the history has not yet; appendonly yes keeps them',
    );
  }
  return ok(
    'redis persistence',
    `snapshots (save ${save}): a restart of Redis loses what the last one has not; appendonly yes keeps more`,
  );
}
