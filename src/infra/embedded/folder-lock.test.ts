import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from './folder-lock.ts';

describe('takeLock', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'neda-lock-'));
    path = join(folder, 'server.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is taken by one and free again after release', () => {
    const first = takeLock(path, process.pid);
    expect(takeLock(path, process.pid)).toEqual({ taken: false, ownerPid: process.pid });
    if (first.taken) first.release();
    expect(readdirSync(folder)).toEqual([]);
    expect(takeLock(path, process.pid).taken).toBe(true);
  });

  it.each([
    ['whose number nobody has', () => ({ pid: spawnSync('true').pid, startedAt: 'then' })],
    ['whose number another process has now', () => ({ pid: process.pid, startedAt: 'then' })],
  ])('passes over an owner %s', (_what, owner) => {
    writeFileSync(path, JSON.stringify({ ...owner(), nonce: 'old' }));
    expect(takeLock(path, process.pid).taken).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(`"pid":${process.pid}`);
    expect(readdirSync(folder)).toEqual(['server.lock']);
  });

  it('passes over a file that means nothing', () => {
    writeFileSync(path, '{"pid":');
    expect(takeLock(path, process.pid).taken).toBe(true);
  });
});
