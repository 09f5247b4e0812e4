/**
 * The schema of every environment variable: what it means, what it may be, and what is written into `.env.example`.
 * A value is checked alone here; config-rules.ts checks them against each other.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

const modes = ['development', 'production', 'test'] as const;
export type Mode = (typeof modes)[number];

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What `.env.example` says about a variable. */
export interface About {
  readonly section: string;
  /** One or more lines for the operator. */
  readonly purpose: string;
  /** What counts when it is not set, in words or as the value itself. */
  readonly otherwise: string;
  /** A harmless example to write behind the commented name; the default value where there is one. */
  readonly example: string;
}

type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

export const aboutVariables = z.registry<About>();

function good<T>(value: T): Reading<T> {
  return { ok: true, value };
}

function bad(reason: string, fix: string): { ok: false; reason: string; fix: string } {
  return { ok: false, reason, fix };
}

function variable<T>(about: About, read: (text: string) => Reading<T>) {
  return z
    .string()
    .transform((text, context) => {
      const reading = read(text.trim());
      if (reading.ok) return reading.value;
      context.addIssue({ code: 'custom', message: reading.reason, params: { fix: reading.fix } });
      return z.NEVER;
    })
    .optional()
    .register(aboutVariables, about);
}

function oneOf<const T extends readonly string[]>(allowed: T): (text: string) => Reading<T[number]> {
  return (text) => {
    const value = allowed.find((candidate) => candidate === text);
    return value === undefined
      ? bad(`is "${text}", which is not a value it can have`, `use one of: ${allowed.join(', ')}`)
      : good(value);
  };
}

function onOff(text: string): Reading<boolean> {
  const reading = oneOf(['on', 'off'])(text);
  return reading.ok ? good(reading.value === 'on') : reading;
}

function integer(least: number, most: number, unit: string): (text: string) => Reading<number> {
  const fix = `write a whole number from ${least} to ${most}${unit}`;
  return (text) => {
    if (!/^\d{1,15}$/.test(text)) return bad(`is "${text}", not a whole number`, fix);
    const value = Number(text);
    return value < least || value > most ? bad(`is ${value}, out of range`, fix) : good(value);
  };
}

function text(least: number, most: number): (text: string) => Reading<string> {
  return (value) =>
    value.length < least || value.length > most || /\p{Cc}/u.test(value)
      ? bad('has a wrong length or control characters', `write ${least} to ${most} printable characters`)
      : good(value);
}

function signingKey(value: string): Reading<string> {
  const bytes = Buffer.byteLength(value);
  return bytes < 32
    ? bad(
        `is ${bytes} bytes long, too short for HS256`,
        'use at least 32 bytes, for example from: openssl rand -base64 48',
      )
    : good(value);
}

function url(schemes: readonly string[], example: string): (text: string) => Reading<URL> {
  return (value) => {
    if (!URL.canParse(value))
      return bad('is not a URL', `write it as ${example}; percent-encode special characters in a password`);
    const parsed = new URL(value);
    return schemes.includes(parsed.protocol)
      ? good(parsed)
      : bad(`has the scheme ${parsed.protocol}//, which does not fit`, `write it as ${example}`);
  };
}

function databaseUrl(value: string): Reading<string> {
  const driver = /^(?:postgresql|postgres)\+[a-z0-9_]+:\/\//i.exec(value);
  if (driver) {
    const corrected = `postgresql://${value.slice(driver[0].length)}`;
    return bad(`has the scheme ${driver[0]} of a Python driver`, `write ${withoutPassword(corrected)}`);
  }
  const reading = url(['postgresql:', 'postgres:'], 'postgresql://user:password@host:5432/database')(value);
  return reading.ok ? good(value) : reading;
}

/** The URL with `***` for its password, fit to be shown. */
export function withoutPassword(value: string): string {
  return value.replace(/^([a-z+]+:\/\/[^/@:]*):.*@/i, '$1:***@');
}

function redisUrl(value: string): Reading<string> {
  const reading = url(['redis:', 'rediss:'], 'redis://:password@host:6379')(value);
  return reading.ok ? good(value) : reading;
}

function serverUrl(to: 'http' | 'ws'): (text: string) => Reading<string> {
  return (value) => {
    const reading = url(['http:', 'https:', 'ws:', 'wss:'], `${to}s://livekit.example.org`)(value);
    if (!reading.ok) return reading;
    return good(value.replace(/^(?:http|ws)/i, to).replace(/\/+$/, ''));
  };
}

function host(value: string): Reading<string> {
  return isIP(value) > 0 || /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(value)
    ? good(value)
    : bad(
        `is "${value}", not an address or host name`,
        'write an address without a port, such as 127.0.0.1 or 0.0.0.0',
      );
}

function listOf(check: (item: string) => Reading<string>): (text: string) => Reading<readonly string[]> {
  return (value) => {
    const items: string[] = [];
    for (const item of value.split(',').map((part) => part.trim())) {
      if (item === '') continue;
      const reading = check(item);
      if (!reading.ok) return reading;
      items.push(reading.value);
    }
    return good([...new Set(items)]);
  };
}

function origin(value: string): Reading<string> {
  const fix = 'list origins as scheme://host[:port], separated by commas, such as https://talk.example.org';
  if (!/^https?:\/\/[^/]+\/?$/i.test(value) || !URL.canParse(value)) return bad(`holds "${value}", not an origin`, fix);
  const parsed = new URL(value);
  return parsed.username || parsed.hostname.includes('*')
    ? bad(`holds "${value}", not an origin`, fix)
    : good(parsed.origin);
}

function proxy(value: string): Reading<string> {
  const [address = '', bits, ...more] = value.split('/');
  const family = isIP(address);
  const prefixFits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  return (family > 0 && prefixFits && more.length === 0) || ['loopback', 'linklocal', 'uniquelocal'].includes(value)
    ? good(value)
    : bad(
        `holds "${value}", not an address or network`,
        'list addresses or networks separated by commas, such as 10.0.0.0/8, or loopback, linklocal, uniquelocal',
      );
}

function keyPrefix(value: string): Reading<string> {
  if (/[{}]/.test(value)) {
    return bad(
      'holds a brace; braces are the hash tag of Redis Cluster',
      'write it without { and }, such as tenant-a:',
    );
  }
  return /^[A-Za-z0-9._:/@-]{0,64}$/.test(value)
    ? good(value)
    : bad('holds a character it may not', 'use at most 64 letters, digits and . _ : / @ -');
}

function username(value: string): Reading<string> {
  const lower = value.toLowerCase();
  return /^[a-z0-9._-]{2,64}$/.test(lower)
    ? good(lower)
    : bad(`is "${value}", not a user name`, 'use 2 to 64 letters, digits and . _ -');
}

const process = 'The process';
const stores = 'Stores';
const secrets = 'Secrets';
const media = 'Media server';
const edges = 'Who may come in';
const people = 'People and data';

const dayMs = 24 * 3_600_000;

/** Every variable the process reads. A variable that is not named here is not looked at. */
export const environmentSchema = z.object({
  APP_NAME: variable(
    {
      section: process,
      purpose: 'Name shown to people: in the API page, in tokens, in logs.',
      otherwise: 'NEDA',
      example: 'NEDA',
    },
    text(1, 64),
  ),
  NODE_ENV: variable(
    {
      section: process,
      purpose: `What the process runs for: ${modes.join(', ')}. production refuses sample secrets, demo data,\na missing REDIS_URL and embedded servers.`,
      otherwise: 'development',
      example: 'development',
    },
    oneOf(modes),
  ),
  HOST: variable(
    {
      section: process,
      purpose: 'Address to listen on.',
      otherwise: '127.0.0.1; 0.0.0.0 in production',
      example: '127.0.0.1',
    },
    host,
  ),
  PORT: variable(
    { section: process, purpose: 'Port to listen on, HTTP and WebSocket.', otherwise: '8000', example: '8000' },
    integer(1, 65_535, ''),
  ),
  LOG_LEVEL: variable(
    {
      section: process,
      purpose: `Least weight of a log line that is written: ${logLevels.join(', ')}.`,
      otherwise: 'info',
      example: 'info',
    },
    oneOf(logLevels),
  ),
  DATA_DIR: variable(
    {
      section: process,
      purpose: 'Folder for the embedded PostgreSQL and the secrets made for development.',
      otherwise: '.neda in the working directory',
      example: '.neda',
    },
    text(1, 1024),
  ),
  DATABASE_URL: variable(
    {
      section: stores,
      purpose: 'PostgreSQL. Not set outside production: an embedded one keeps its data in DATA_DIR.',
      otherwise: 'embedded; needed in production',
      example: 'postgresql://neda:password@127.0.0.1:5432/neda',
    },
    databaseUrl,
  ),
  REDIS_URL: variable(
    {
      section: stores,
      purpose: 'Redis for the live state, shared by any number of processes. Not set: kept inside one process.',
      otherwise: 'in-process; needed in production',
      example: 'redis://127.0.0.1:6379',
    },
    redisUrl,
  ),
  KEY_PREFIX: variable(
    {
      section: stores,
      purpose:
        'Put before every Redis key, channel and LiveKit room name, so that deployments can share both.\nNo braces.',
      otherwise: 'no prefix',
      example: 'tenant-a:',
    },
    keyPrefix,
  ),
  SECRET_KEY: variable(
    {
      section: secrets,
      purpose: 'Signs access tokens, at least 32 bytes. Make one with: openssl rand -base64 48',
      otherwise: 'made once and kept in DATA_DIR; needed in production',
      example: '',
    },
    signingKey,
  ),
  SECRET_KEY_PREVIOUS: variable(
    {
      section: secrets,
      purpose: 'The key before a rotation; tokens signed by it are still accepted.',
      otherwise: 'none',
      example: '',
    },
    signingKey,
  ),
  METRICS_TOKEN: variable(
    {
      section: secrets,
      purpose: 'Bearer token that /metrics asks for in production; at least 16 characters there.',
      otherwise: '/metrics is open in development and 404 in production',
      example: '',
    },
    text(1, 1024),
  ),
  LIVEKIT_HOST: variable(
    {
      section: media,
      purpose:
        'Where this process reaches LiveKit. Not set: a livekit-server found on PATH is started beside it\n(not in production), else there is no media server.',
      otherwise: 'none',
      example: 'http://127.0.0.1:7880',
    },
    serverUrl('http'),
  ),
  LIVEKIT_PUBLIC_URL: variable(
    {
      section: media,
      purpose: 'Where clients reach LiveKit.',
      otherwise: 'LIVEKIT_HOST as ws:// or wss://',
      example: 'wss://livekit.example.org',
    },
    serverUrl('ws'),
  ),
  LIVEKIT_API_KEY: variable(
    {
      section: media,
      purpose: 'Name of the LiveKit key pair; needed with LIVEKIT_HOST.',
      otherwise: 'none',
      example: 'neda',
    },
    text(1, 256),
  ),
  LIVEKIT_API_SECRET: variable(
    {
      section: media,
      purpose: 'Secret of the LiveKit key pair; needed with LIVEKIT_HOST, at least 32 characters in production.',
      otherwise: 'none',
      example: '',
    },
    text(1, 1024),
  ),
  ALLOWED_ORIGINS: variable(
    {
      section: edges,
      purpose: 'Origins of web pages that may use REST and the WebSocket, separated by commas.',
      otherwise: 'this server itself on loopback; none in production',
      example: 'https://talk.example.org',
    },
    listOf(origin),
  ),
  TRUSTED_PROXIES: variable(
    {
      section: edges,
      purpose: 'Addresses or networks of reverse proxies whose X-Forwarded-For is believed, separated by commas.',
      otherwise: 'none',
      example: '10.0.0.0/8',
    },
    listOf(proxy),
  ),
  RATE_LIMITS: variable(
    {
      section: edges,
      purpose: 'on or off. off lifts the counts (for tests and benchmarks) and is refused in production.',
      otherwise: 'on',
      example: 'on',
    },
    onOff,
  ),
  ACCESS_TOKEN_TTL_MS: variable(
    {
      section: edges,
      purpose: 'Life of an access token in milliseconds, 1000 to 86400000.',
      otherwise: '600000',
      example: '600000',
    },
    integer(1000, dayMs, ' (milliseconds)'),
  ),
  REFRESH_TOKEN_TTL_MS: variable(
    {
      section: edges,
      purpose: 'Life of a refresh token in milliseconds, at least that of an access token and at most a year.',
      otherwise: '2592000000 (30 days)',
      example: '2592000000',
    },
    integer(1000, 366 * dayMs, ' (milliseconds)'),
  ),
  TALK_PAGE: variable(
    {
      section: edges,
      purpose: 'on or off: serve the web page to talk from a browser.',
      otherwise: 'on; off in production',
      example: 'on',
    },
    onOff,
  ),
  ADMIN_USERNAME: variable(
    {
      section: people,
      purpose: 'Name of the first admin, made only while there is none; needs ADMIN_PASSWORD.',
      otherwise: 'none',
      example: 'admin',
    },
    username,
  ),
  ADMIN_PASSWORD: variable(
    { section: people, purpose: 'Password of the first admin, 8 to 256 characters.', otherwise: 'none', example: '' },
    text(8, 256),
  ),
  DEMO_DATA: variable(
    {
      section: people,
      purpose: 'on or off: demo users and groups, only into a database without users. Refused in production.',
      otherwise: 'on; off in production',
      example: 'on',
    },
    onOff,
  ),
  DEMO_PASSWORD: variable(
    {
      section: people,
      purpose: 'Password of the demo users, 8 to 256 characters.',
      otherwise: 'push-to-talk; a random one, printed once, when HOST is not loopback',
      example: '',
    },
    text(8, 256),
  ),
  HISTORY_RETENTION_DAYS: variable(
    {
      section: people,
      purpose: 'Days that finished talks are kept; 0 keeps them for ever.',
      otherwise: '0',
      example: '0',
    },
    integer(0, 36_500, ' (days)'),
  ),
});

export type EnvironmentValues = z.output<typeof environmentSchema>;
export type ConfigVariable = keyof EnvironmentValues;

/** Variables that hold a secret: each has a `…_FILE` twin that names a file with it. */
export const secretVariables = [
  'SECRET_KEY',
  'SECRET_KEY_PREVIOUS',
  'DATABASE_URL',
  'REDIS_URL',
  'LIVEKIT_API_KEY',
  'LIVEKIT_API_SECRET',
  'METRICS_TOKEN',
  'ADMIN_PASSWORD',
  'DEMO_PASSWORD',
] as const satisfies readonly ConfigVariable[];
