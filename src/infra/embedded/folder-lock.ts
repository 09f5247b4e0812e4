/**
 * A lock file that outlives no process: it names its owner, and an owner that is gone counts as none.
 * It keeps two processes from running one embedded server on the same data.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { errorCode } from '../start-fault.ts';
import { processIdentity } from './process-identity.ts';

interface Owner {
  readonly pid: number;
  readonly startedAt: string;
  readonly nonce: string;
}

export type LockOutcome =
  | { readonly taken: true; readonly release: () => void }
  | { readonly taken: false; readonly ownerPid: number };

/** Takes the lock at `path` for the process `pid` (this one), or says who has it. Throws system errors of the folder. */
export function takeLock(path: string, pid: number): LockOutcome {
  const nonce = randomUUID();
  const mine: Owner = { pid, startedAt: processIdentity(pid)?.startedAt ?? '', nonce };
  const draft = `${path}.${nonce}`;
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(draft, path);
        return { taken: true, release: () => releaseLock(path, nonce) };
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const owner = readOwner(path);
      if (owner !== null && isAlive(owner)) return { taken: false, ownerPid: owner.pid };
      putAside(path, owner, `${draft}.stale`);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The living process that has the lock at `path`, or `null`. */
export function lockOwner(path: string): number | null {
  const owner = readOwner(path);
  return owner !== null && isAlive(owner) ? owner.pid : null;
}

/** Of two that find the same dead owner, the later one may have taken the other's new lock: it puts that back. */
function putAside(path: string, dead: Owner | null, aside: string): void {
  try {
    renameSync(path, aside);
    if (readOwner(aside)?.nonce !== dead?.nonce) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errorCode(error))) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function releaseLock(path: string, nonce: string): void {
  if (readOwner(path)?.nonce === nonce) rmSync(path, { force: true });
}

function isAlive(owner: Owner): boolean {
  return processIdentity(owner.pid)?.startedAt === owner.startedAt;
}

function readOwner(path: string): Owner | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    if (!('pid' in value && 'startedAt' in value && 'nonce' in value)) return null;
    const { pid, startedAt, nonce } = value;
    return typeof pid === 'number' && typeof startedAt === 'string' && typeof nonce === 'string'
      ? { pid, startedAt, nonce }
      : null;
  } catch {
    return null;
  }
}
