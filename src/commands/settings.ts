import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeConfig, withEnvFile, type Config, type Settings } from '../config.ts';
import { startEmbedded, type Embedded } from '../infra/embedded/index.ts';
import { configExitCode, errorCode, StartFault } from '../infra/start-fault.ts';
import type { CommandRun, Terminal } from './command.ts';

/** The real environment and, behind it, `.env` of the working directory. */
export function readEnvironment({ environment, workingDir }: Terminal): Terminal['environment'] {
  try {
    return withEnvFile(environment, readFileSync(join(workingDir, '.env'), 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return environment;
    throw new StartFault(`./.env is there and cannot be read (${errorCode(error)}).`, configExitCode);
  }
}

/** Starts what the settings leave open, and gives the configuration with it. */
export async function provide(
  settings: Settings,
  { terminal, lifecycle, step, log, ending }: CommandRun,
  purpose: 'server' | 'command',
): Promise<{ readonly config: Config; readonly embedded: Embedded }> {
  const embedded = await startEmbedded(settings, {
    pid: terminal.pid,
    searchPath: terminal.environment['PATH'] ?? '',
    purpose,
    lifecycle,
    step,
    log,
    ending,
  });
  const config = completeConfig(settings, {
    ...(embedded.secretKey ? { secretKey: embedded.secretKey } : {}),
    ...(embedded.postgres ? { databaseUrl: embedded.postgres.url } : {}),
    ...(embedded.livekit ? { livekit: embedded.livekit } : {}),
  });
  return { config, embedded };
}
