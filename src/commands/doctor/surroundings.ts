/** What the machine and the environment are like, without asking a server. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigFault, readConfig, type Settings } from '../../config.ts';
import { secretVariables } from '../../config-variables.ts';
import { errorCode } from '../../infra/start-fault.ts';
import type { Terminal } from '../command.ts';
import { failed, ok, warning, type Finding } from './finding.ts';

type Environment = Terminal['environment'];

const mebibyte = 1024 * 1024;

/**
 * Secrets as they are given, and who may read the files that hold them.
 * @param environment the process's own and what `.env` adds
 */
export function checkSecrets(settings: Settings, environment: Environment, workingDir: string): Finding[] {
  const given = secretVariables.filter((name) => environment[name] || environment[`${name}_FILE`]);
  const findings: Finding[] = [];
  for (const { variable, reason, fix } of faultsInProduction(settings, environment)) {
    if (!given.some((name) => name === variable)) continue;
    findings.push(warning('secrets', `${variable} ${reason}, which production refuses; ${fix}`));
  }
  const files = given.flatMap((name) => environment[`${name}_FILE`] ?? []);
  for (const path of new Set([...files, ...envFileWithSecrets(workingDir)])) {
    const who = whoElseMay(path);
    if (who !== null)
      findings.push(warning('secrets', `${path} can be ${who} by every user of this machine; chmod 600 ${path}`));
  }
  if (findings.length > 0) return findings;
  return [
    ok('secrets', given.length === 0 ? 'none given' : `${given.join(', ')}: long enough, no samples, none used twice`),
  ];
}

/** Production was checked on reading the configuration; elsewhere its rules are worth a warning. */
function faultsInProduction(settings: Settings, environment: Environment): ConfigFault['faults'] {
  if (settings.environment === 'production') return [];
  try {
    readConfig({ ...environment, NODE_ENV: 'production' });
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
    throw error;
  }
}

/** The path of `.env`, when a secret stands in it. */
function envFileWithSecrets(workingDir: string): string[] {
  const path = join(workingDir, '.env');
  if (!existsSync(path)) return [];
  const values = parseEnv(readFileSync(path, 'utf8'));
  return secretVariables.some((name) => values[name]) ? [path] : [];
}

function whoElseMay(path: string): 'read' | 'changed' | null {
  try {
    const { mode } = statSync(path);
    return mode & constants.S_IWOTH ? 'changed' : mode & constants.S_IROTH ? 'read' : null;
  } catch {
    // not there: then nobody reads it
    return null;
  }
}

/** Which web pages may use the server. The list's form was checked on reading it. */
export function checkOrigins(settings: Settings): Finding {
  const { allowedOrigins, talkPage } = settings.http;
  const what = 'origins';
  if (allowedOrigins.length === 0) {
    return talkPage
      ? warning(
          what,
          'TALK_PAGE is on and ALLOWED_ORIGINS is empty: the page cannot connect; list the address it is opened at',
        )
      : ok(what, 'none: no web page may connect, apps and watches may');
  }
  const plain = allowedOrigins.filter((origin) => origin.startsWith('http:'));
  if (settings.environment === 'production' && plain.length > 0) {
    return warning(what, `${plain.join(', ')} is not encrypted: browsers give such a page no microphone; use https`);
  }
  return ok(what, allowedOrigins.join(', '));
}

/** Where the embedded servers keep what they keep; nothing is made. */
export async function checkDataDir(settings: Settings): Promise<Finding> {
  const { dataDir } = settings;
  const what = 'data folder';
  if (!settings.embeddedAllowed) return ok(what, 'not used in production');
  let existing = dataDir;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(existing);
    const free = (bavail * bsize) / mebibyte;
    const found = `${dataDir}${existing === dataDir ? '' : ', not made yet'}, ${free.toFixed(0)} MiB free`;
    if (free < 100) return failed(what, `${found}; make room, or set DATA_DIR to another disk`);
    return free < 1024 ? warning(what, `${found}; make room, or set DATA_DIR to another disk`) : ok(what, found);
  } catch (error) {
    return failed(what, `${dataDir} cannot be written (${errorCode(error)}); set DATA_DIR to a folder of your own`);
  }
}
