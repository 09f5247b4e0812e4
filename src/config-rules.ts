/** Checks of the environment's values against each other and against the mode the process runs in. */
import { isIP } from 'node:net';
import type { ConfigVariable, EnvironmentValues } from './config-variables.ts';

/** One thing wrong in the environment: which variable, why, and what to write instead. Never holds a secret's text. */
export interface Fault {
  readonly variable: string;
  readonly reason: string;
  readonly fix: string;
}

/** What the command line asks of a start, beside the environment. */
export interface StartOptions {
  /** `--lan`: listen in the network too. */
  readonly lan?: boolean;
}

const makeSecret = 'make one with: openssl rand -base64 48';

/**
 * All faults that show only when values are seen together.
 * @param alreadyFaulty variables with a fault of their own: they are not reported as missing as well
 */
export function faultsAcross(
  values: EnvironmentValues,
  alreadyFaulty: ReadonlySet<string>,
  options: StartOptions = {},
): Fault[] {
  const faults: Fault[] = [...pairFaults(values, alreadyFaulty)];
  if (options.lan === true) faults.push(...lanFaults(values));
  if (values.NODE_ENV === 'production') faults.push(...productionFaults(values, alreadyFaulty));
  return faults;
}

/** Does the address mean this machine only? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function lanFaults(values: EnvironmentValues): Fault[] {
  const faults: Fault[] = [];
  if (values.NODE_ENV === 'production') {
    faults.push({
      variable: '--lan',
      reason: 'is for development, and NODE_ENV is production',
      fix: 'take it away; HOST says where a production server listens',
    });
  }
  if (values.HOST !== undefined) {
    faults.push({
      variable: 'HOST',
      reason: `is ${values.HOST}, and --lan listens at 127.0.0.1 and at the address in the network`,
      fix: 'take HOST away, or start without --lan',
    });
  }
  return faults;
}

function isGiven(name: ConfigVariable, values: EnvironmentValues, alreadyFaulty: ReadonlySet<string>): boolean {
  return values[name] !== undefined || alreadyFaulty.has(name) || alreadyFaulty.has(`${name}_FILE`);
}

function pairFaults(values: EnvironmentValues, alreadyFaulty: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  if (values.LIVEKIT_HOST !== undefined) {
    for (const name of ['LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'] as const) {
      if (isGiven(name, values, alreadyFaulty)) continue;
      faults.push({
        variable: name,
        reason: 'is missing, and LIVEKIT_HOST is given',
        fix: `set ${name} to that of the LiveKit server, or take LIVEKIT_HOST away`,
      });
    }
  }
  for (const [name, other] of [
    ['ADMIN_USERNAME', 'ADMIN_PASSWORD'],
    ['ADMIN_PASSWORD', 'ADMIN_USERNAME'],
  ] as const) {
    if (values[other] === undefined || isGiven(name, values, alreadyFaulty)) continue;
    faults.push({ variable: name, reason: `is missing, and ${other} is given`, fix: 'set both or neither' });
  }
  const accessMs = values.ACCESS_TOKEN_TTL_MS ?? 600_000;
  if (values.REFRESH_TOKEN_TTL_MS !== undefined && values.REFRESH_TOKEN_TTL_MS < accessMs) {
    faults.push({
      variable: 'REFRESH_TOKEN_TTL_MS',
      reason: `is ${values.REFRESH_TOKEN_TTL_MS}, shorter than the ${accessMs} ms of an access token`,
      fix: 'make it at least ACCESS_TOKEN_TTL_MS',
    });
  }
  return faults;
}

function productionFaults(values: EnvironmentValues, alreadyFaulty: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const needed: readonly (readonly [ConfigVariable, string, string])[] = [
    ['SECRET_KEY', 'is missing; production makes none by itself', makeSecret],
    ['DATABASE_URL', 'is missing; there is no embedded PostgreSQL in production', 'set it to your PostgreSQL'],
    ['REDIS_URL', 'is missing; production keeps the live state in Redis', 'set it to your Redis'],
  ];
  for (const [variable, reason, fix] of needed) {
    if (!isGiven(variable, values, alreadyFaulty)) faults.push({ variable, reason, fix });
  }
  if (values.RATE_LIMITS === false) {
    faults.push({
      variable: 'RATE_LIMITS',
      reason: 'is off, and this is production',
      fix: 'set it to on or take it away',
    });
  }
  if (values.DEMO_DATA === true) {
    faults.push({
      variable: 'DEMO_DATA',
      reason: 'is on, and this is production',
      fix: 'take it away; ADMIN_USERNAME and ADMIN_PASSWORD make the first admin',
    });
  }
  faults.push(...secretFaults(values));
  return faults;
}

/** Least characters of each secret in production; SECRET_KEY and its predecessor are measured in every mode. */
const leastCharacters = {
  SECRET_KEY: 32,
  SECRET_KEY_PREVIOUS: 32,
  LIVEKIT_API_SECRET: 32,
  METRICS_TOKEN: 16,
  ADMIN_PASSWORD: 8,
} as const satisfies Partial<Record<ConfigVariable, number>>;

function secretFaults(values: EnvironmentValues): Fault[] {
  const faults: Fault[] = [];
  const seen = new Map<string, string>();
  const names = ['SECRET_KEY', 'SECRET_KEY_PREVIOUS', 'LIVEKIT_API_SECRET', 'METRICS_TOKEN', 'ADMIN_PASSWORD'] as const;
  for (const name of names) {
    const value = values[name];
    if (value === undefined) continue;
    if (value.length < leastCharacters[name]) {
      faults.push({
        variable: name,
        reason: 'is too short',
        fix: `use at least ${leastCharacters[name]} characters; ${makeSecret}`,
      });
    } else if (isSample(value)) {
      faults.push({ variable: name, reason: 'is a sample, not a secret', fix: makeSecret });
    }
  }
  for (const [name, value] of [
    ...names.map((name) => [name, values[name]] as const),
    ['DATABASE_URL', passwordIn(values.DATABASE_URL)] as const,
    ['REDIS_URL', passwordIn(values.REDIS_URL)] as const,
  ]) {
    if (value === undefined || value === '') continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, name);
    else
      faults.push({
        variable: name,
        reason: `is the same secret as ${first}`,
        fix: `give each its own; ${makeSecret}`,
      });
  }
  return faults;
}

function passwordIn(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  try {
    // Places of several Sentinels are no host of a URL; the password stands before them.
    const one = /^(rediss?\+sentinel:\/\/[^@/]*@)/i.exec(url)?.[1];
    return decodeURIComponent(new URL(one === undefined ? url : `${one}host`).password);
  } catch {
    return undefined;
  }
}

const sampleWords =
  /change.?(?:me|this|it)|replace.?(?:me|this|with)|example|sample|placeholder|your.?(?:secret|key|password|own)|insecure|do.?not.?use|^dev.?(?:secret|key)|^(?:secret|password|admin|push-to-talk|neda)[0-9]*$/i;

/** Words of sample files, or so few different characters that nobody drew them at random. */
function isSample(value: string): boolean {
  return sampleWords.test(value) || new Set(value).size < 5;
}
