import { describe, expect, it } from 'vitest';
import type { PostgresFacts } from '../../infra/probes/postgres.ts';
import { readInfo, type RedisInfo } from '../../infra/probes/redis.ts';
import { judgeDatabase } from './database.ts';
import { judgeClock, type Finding } from './finding.ts';
import { judgeLivekit } from './livekit.ts';
import { judgeRedis } from './redis.ts';

const redis: RedisInfo = {
  version: '7.0.0',
  mode: 'standalone',
  role: 'master',
  evictionPolicy: 'noeviction',
  maxMemoryBytes: 0,
  usedMemoryBytes: 1_000_000,
  appendOnly: true,
  save: '',
};
const postgres: PostgresFacts = {
  version: '13.0',
  versionNumber: 130_000,
  user: 'neda',
  database: 'neda',
  isReadOnly: false,
  mayCreate: true,
  clockAheadMs: 0,
  latencyMs: 1,
  migrations: { applied: 2, pending: [], newer: 0 },
};

function levelsOf(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(findings.filter(({ level }) => level !== 'ok').map(({ what, level }) => [what, level]));
}

describe('what the doctor makes of Redis', () => {
  it.each<[string, Partial<RedisInfo>, Record<string, string>]>([
    ['the oldest that will do', {}, {}],
    ['an older one', { version: '6.2.14' }, { redis: 'FAILED' }],
    ['a cluster', { mode: 'cluster' }, {}],
    ['a sentinel', { mode: 'sentinel' }, { redis: 'FAILED' }],
    ['a replica', { role: 'slave' }, { redis: 'FAILED' }],
    ['a policy that evicts, without a limit', { evictionPolicy: 'volatile-ttl' }, { 'redis memory': 'warning' }],
    [
      'a policy that evicts, with a limit',
      { evictionPolicy: 'volatile-ttl', maxMemoryBytes: 9_000_000 },
      { 'redis memory': 'FAILED' },
    ],
    ['a policy that is not told', { evictionPolicy: 'unknown' }, { 'redis memory': 'warning' }],
    ['memory nearly used up', { maxMemoryBytes: 1_050_000 }, { 'redis memory': 'warning' }],
    ['memory half used', { maxMemoryBytes: 2_000_000 }, {}],
    ['no persistence', { appendOnly: false }, {}],
  ])('%s', (_what, change, levels) => {
    expect(levelsOf(judgeRedis({ latencyMs: 1, info: { ...redis, ...change } }, 'place'))).toEqual(levels);
  });

  it('warns of a way that is long', () => {
    expect(levelsOf(judgeRedis({ latencyMs: 25, info: redis }, 'place'))).toEqual({ 'redis latency': 'warning' });
  });

  it('reads what INFO says, and nothing into what it does not', () => {
    const text =
      '# Server\r\nredis_version:7.4.1\r\nredis_mode:cluster\r\n\r\nrole:slave\r\nmaxmemory:5\r\naof_enabled:1\r\n';
    expect(readInfo(text, '60 1')).toEqual({
      version: '7.4.1',
      mode: 'cluster',
      role: 'slave',
      evictionPolicy: 'unknown',
      maxMemoryBytes: 5,
      usedMemoryBytes: 0,
      appendOnly: true,
      save: '60 1',
    });
  });
});

describe('what the doctor makes of PostgreSQL', () => {
  it.each<[string, Partial<PostgresFacts>, Record<string, string>]>([
    ['the oldest that will do', {}, {}],
    ['an older one', { versionNumber: 120_009 }, { database: 'FAILED' }],
    ['a standby', { isReadOnly: true }, { database: 'FAILED' }],
    ['another clock', { clockAheadMs: -7_000 }, { 'database clock': 'warning' }],
    ['a wrong clock', { clockAheadMs: 3_600_000 }, { 'database clock': 'FAILED' }],
    ['migrations to come', { migrations: { applied: 1, pending: ['0001_x'], newer: 0 } }, { migrations: 'warning' }],
    [
      'migrations that the user may not apply',
      { migrations: { applied: 1, pending: ['0001_x'], newer: 0 }, mayCreate: false },
      { migrations: 'FAILED' },
    ],
    ['no right to make tables, with nothing to make', { mayCreate: false }, { migrations: 'warning' }],
    ['a later release', { migrations: { applied: 3, pending: [], newer: 1 } }, { migrations: 'warning' }],
    ['unreadable migrations', { migrations: null }, { migrations: 'FAILED' }],
  ])('%s', (_what, change, levels) => {
    expect(levelsOf(judgeDatabase({ ...postgres, ...change }, 'place'))).toEqual(levels);
  });
});

describe('what the doctor makes of LiveKit', () => {
  it('tells a wrong key from another server and a silent one', () => {
    const answers = { kind: 'answers', clockAheadMs: 0 } as const;
    const text = (keyPair: 'accepted' | 'refused' | 'unclear'): string | undefined =>
      judgeLivekit({ ...answers, keyPair, status: 404 }, 'http://h')[0]?.text;
    expect(text('accepted')).toMatch(/takes the key pair/);
    expect(text('refused')).toMatch(/refuses the key pair/);
    expect(text('unclear')).toMatch(/no LiveKit room service \(status 404\); correct LIVEKIT_HOST/);
    expect(levelsOf(judgeLivekit({ kind: 'silent', reason: 'ECONNREFUSED' }, 'http://h'))).toEqual({
      livekit: 'FAILED',
    });
  });

  it('compares clocks where LiveKit tells the time', () => {
    const probe = { kind: 'answers', keyPair: 'accepted', status: 200 } as const;
    expect(levelsOf(judgeLivekit({ ...probe, clockAheadMs: 90_000 }, 'h'))).toEqual({ 'livekit clock': 'FAILED' });
    expect(judgeLivekit({ ...probe, clockAheadMs: null }, 'h')).toHaveLength(1);
  });
});

it('says which clock is ahead', () => {
  expect(judgeClock('clock', 'PostgreSQL', 6_000).text).toMatch(/6\.0 s ahead of this machine's; .*NTP/);
  expect(judgeClock('clock', 'PostgreSQL', -6_000).text).toMatch(/6\.0 s behind this machine's; .*NTP/);
});
