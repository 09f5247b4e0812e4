/** Secrets of a development machine: drawn at random once, kept in the data folder, readable by their owner only. */
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { configExitCode, errorCode, StartFault } from '../start-fault.ts';

const devSecretsSchema = z.object({
  secretKey: z.string().min(32),
  postgresPassword: z.string().min(16),
  livekitApiKey: z.string().min(1),
  livekitApiSecret: z.string().min(32),
});

export type DevSecrets = Readonly<z.output<typeof devSecretsSchema>>;

const fileName = 'secrets.json';

/** Reads `secrets.json` of the folder, or makes it (mode 0600). Of two processes that make it at once, one wins. */
export function devSecrets(dataDir: string): DevSecrets {
  const path = join(dataDir, fileName);
  const secrets = readSecrets(path);
  if (secrets === null) return makeSecrets(path);
  chmodSync(path, 0o600);
  return secrets;
}

/** As {@link devSecrets}, but nothing is made or changed: `null` when there are none yet. */
export function findDevSecrets(dataDir: string): DevSecrets | null {
  return readSecrets(join(dataDir, fileName));
}

function readSecrets(path: string): DevSecrets | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null;
    throw new StartFault(
      `${path} cannot be read (${errorCode(error)}): it belongs to another user; set DATA_DIR to a folder of your own.`,
      configExitCode,
    );
  }
  try {
    return devSecretsSchema.parse(JSON.parse(text));
  } catch {
    throw new StartFault(`${path} is damaged. Restore it, or move the whole folder away to begin anew.`);
  }
}

function makeSecrets(path: string): DevSecrets {
  const secrets: DevSecrets = {
    secretKey: randomBytes(48).toString('base64url'),
    postgresPassword: randomBytes(24).toString('hex'),
    livekitApiKey: `neda${randomBytes(6).toString('hex')}`,
    livekitApiSecret: randomBytes(36).toString('base64url'),
  };
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
    linkSync(draft, path);
    return secrets;
  } catch (error) {
    const others = errorCode(error) === 'EEXIST' ? readSecrets(path) : null;
    if (others === null) throw error;
    return others;
  } finally {
    rmSync(draft, { force: true });
  }
}
