import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigFault, readConfig, type Settings } from '../config.ts';
import { findEmbedded, type EmbeddedFound } from '../infra/embedded/index.ts';
import { configExitCode, StartFault, usageExitCode } from '../infra/start-fault.ts';
import type { Command, Terminal } from './command.ts';
import { checkDatabase } from './doctor/database.ts';
import { failed, ok, warning, type Finding } from './doctor/finding.ts';
import { checkRedisServer } from './doctor/redis.ts';
import { checkDataDir, checkOrigins, checkSecrets } from './doctor/surroundings.ts';
import { readEnvironment } from './settings.ts';

/** How long one server may take to answer. */
const probeMs = 3_000;
/** After this a check is given up, whatever it waits for. */
const checkMs = 6_000;

const help = `npm run doctor

Looks at the configuration and at the servers that it names, and says how to mend what is wrong. Changes nothing, and
may be used while the server runs or not. One line each: ok, warning or FAILED.

Exit codes:
   0  nothing failed (there may be warnings)
   1  something failed
   2  the command line is wrong
  78  the configuration has faults; servers were not asked
 130  interrupted
`;

export const doctorCommand: Command = {
  summary: 'check configuration, database, Redis and LiveKit, and say how to mend what is wrong',
  isService: false,
  run: async ({ terminal }) => {
    if (wantsHelp(terminal.args)) {
      terminal.stdout.write(help);
      return 0;
    }
    const environment = readEnvironment(terminal);
    let settings: Settings;
    try {
      settings = readConfig(environment);
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error;
      const findings = error.faults.map(({ variable, reason, fix }) =>
        failed('configuration', `${variable} ${reason}; ${fix}`),
      );
      terminal.stdout.write(report(findings, 'Servers are asked when the configuration is right.'));
      return configExitCode;
    }
    const findings = await examine(settings, environment, terminal);
    terminal.stdout.write(report(findings, ''));
    return findings.some(({ level }) => level === 'FAILED') ? 1 : 0;
  },
};

function wantsHelp(args: readonly string[]): boolean {
  try {
    return parseArgs({ args: [...args], options: { help: { type: 'boolean', short: 'h' } } }).values.help === true;
  } catch (error) {
    throw new StartFault(`${error instanceof Error ? error.message : String(error)}\n\n${help}`, usageExitCode);
  }
}

/** All checks side by side; the lines come in a fixed order. */
async function examine(
  settings: Settings,
  environment: Terminal['environment'],
  terminal: Terminal,
): Promise<Finding[]> {
  const { embedded, faults } = lookForEmbedded(settings, terminal);
  const checks: readonly (readonly [string, Promise<Finding[]> | Finding[]])[] = [
    ['configuration', [ok('configuration', `no faults, NODE_ENV is ${settings.environment}`)]],
    ['secrets', checkSecrets(settings, environment, terminal.workingDir)],
    ['origins', [checkOrigins(settings)]],
    ['data folder', checkDataDir(settings).then((finding) => [finding, ...faults])],
    ['database', database(settings, embedded)],
    ['redis', redis(settings)],
    ['livekit', livekit(settings, embedded)],
  ];
  const results = await Promise.all(checks.map(([what, check]) => withinLimit(what, Promise.resolve(check))));
  return results.flat();
}

/** Secrets of the data folder that cannot be read are a finding like any other. */
function lookForEmbedded(
  settings: Settings,
  { environment }: Terminal,
): { readonly embedded: EmbeddedFound; readonly faults: readonly Finding[] } {
  const none: EmbeddedFound = { postgres: null, media: { kind: 'not_found' } };
  if (!settings.embeddedAllowed || (settings.database !== null && settings.livekit !== null)) {
    return { embedded: none, faults: [] };
  }
  try {
    return { embedded: findEmbedded(settings, { searchPath: environment['PATH'] ?? '' }), faults: [] };
  } catch (error) {
    if (!(error instanceof StartFault)) throw error;
    return { embedded: none, faults: [failed('data folder', error.message)] };
  }
}

/** A check that goes wrong by itself is a line too: the others are shown all the same. */
async function withinLimit(what: string, check: Promise<Finding[]>): Promise<Finding[]> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      check,
      sleep(checkMs, [failed(what, `no answer within ${checkMs / 1000} s`)], { signal: timer.signal }),
    ]);
  } catch (error) {
    return [failed(what, `the check itself failed (${error instanceof Error ? error.name : 'unknown'})`)];
  } finally {
    timer.abort();
  }
}

async function database(settings: Settings, { postgres }: EmbeddedFound): Promise<Finding[]> {
  if (settings.database !== null) return checkDatabase(settings.database.url, probeMs);
  if (postgres === null) return [ok('database', `embedded, in ${settings.dataDir}, not running; npm start starts it`)];
  return [
    ok('database', `embedded, in ${settings.dataDir}, run by process ${postgres.ownerPid}`),
    ...(await checkDatabase(postgres.url, probeMs)),
  ];
}

async function redis(settings: Settings): Promise<Finding[]> {
  if (settings.redis !== null) return checkRedisServer(settings.redis.url, probeMs);
  return [ok('redis', 'none: the live state is kept in the one process; set REDIS_URL for several')];
}

async function livekit(settings: Settings, { media }: EmbeddedFound): Promise<Finding[]> {
  const { checkLivekit } = await import('./doctor/livekit.ts');
  const isProduction = settings.environment === 'production';
  if (settings.livekit !== null) return checkLivekit(settings.livekit, isProduction, probeMs);
  if (isProduction) return [warning('livekit', 'none: set LIVEKIT_HOST for sound by WebRTC')];
  switch (media.kind) {
    case 'shared':
      return [
        ok('livekit', `embedded, run by process ${media.ownerPid}`),
        ...(await checkLivekit(media.livekit, isProduction, probeMs)),
      ];
    case 'startable':
      return [ok('livekit', 'embedded, not running; npm start starts it')];
    case 'failed':
      return [warning('livekit', `embedded: ${media.reason}`)];
    case 'not_found':
      return [warning('livekit', 'none: livekit-server is not on PATH; npm start says how to get it')];
  }
}

function report(findings: readonly Finding[], last: string): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.map(({ level, what, text }) => `${level.padEnd(7)}  ${what.padEnd(width)}  — ${text}`);
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const warnings = count('warning') === 1 ? '1 warning' : `${count('warning')} warnings`;
  const summary = `${count('ok')} ok, ${warnings}, ${count('FAILED')} failed.`;
  return [...lines, '', ...(last === '' ? [summary] : [summary, last]), ''].join('\n');
}
