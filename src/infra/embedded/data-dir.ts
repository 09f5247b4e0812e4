import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configExitCode, errorCode, StartFault } from '../start-fault.ts';

/** Makes the folder and checks that this process may write into it. Throws {@link StartFault} naming DATA_DIR. */
export function openDataDir(dataDir: string): void {
  const probe = join(dataDir, `.probe-${randomUUID()}`);
  try {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(probe, '', { mode: 0o600 });
    rmSync(probe);
  } catch (error) {
    throw new StartFault(
      `The data folder ${dataDir} cannot be written (${errorCode(error) || String(error)}). Set DATA_DIR to a folder of your own.`,
      configExitCode,
    );
  }
}
