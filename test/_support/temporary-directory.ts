import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new directory under the system's temporary directory. */
export async function makeTemporaryDirectory(purpose: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `neda-test-${purpose}-`));
}

export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
