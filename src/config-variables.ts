/**
 * The schema of every environment variable: what it means, what it may be, and what is written into `.env.example`.
 * A value is checked alone here; config-rules.ts checks them against each other.
 */
import { z } from 'zod';
import {
  databaseUrl,
  host,
  integer,
  keyPrefix,
  listOf,
  onOff,
  oneOf,
  origin,
  proxy,
  redisUrl,
  serverUrl,
  signingKey,
  text,
  username,
  type Reading,
} from './config-values.ts';

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

export const aboutVariables = z.registry<About>();

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
      purpose:
        'Redis for the live state, shared by any number of processes: one, any node of a cluster, or Sentinels as\nredis+sentinel://:password@one:26379,two:26379/primary. Not set: kept inside one process.',
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
      otherwise: 'this server itself on loopback, and in the network with --lan; none in production',
      example: 'https://talk.example.org',
    },
    listOf(origin),
  ),
  TRUSTED_PROXIES: variable(
    {
      section: edges,
      purpose: 'Addresses or networks of reverse proxies whose X-Forwarded-For is believed, separated by commas.',
      otherwise: 'none; this machine with --lan',
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
      otherwise: 'push-to-talk; a random one, printed, when HOST is not loopback or with --lan',
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
