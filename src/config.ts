import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspect, parseEnv } from 'node:util';
import {
  environmentSchema,
  secretVariables,
  type ConfigVariable,
  type EnvironmentValues,
  type LogLevel,
  type Mode,
} from './config-variables.ts';
import { faultsAcross, isLoopback, type Fault, type StartOptions } from './config-rules.ts';

export { isLoopback, type Fault } from './config-rules.ts';

/** Everything the process is told from outside, read once and frozen. */
export interface Config {
  readonly appName: string;
  readonly environment: Mode;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Where the server listens beside `host` with `--lan`. */
    readonly lanAddress: string | null;
    readonly allowedOrigins: readonly string[];
    readonly trustedProxies: readonly string[];
    readonly talkPage: boolean;
  };
  readonly auth: {
    readonly secretKey: Secret;
    /** Still accepted for verifying, never for signing: the key before a rotation. */
    readonly secretKeyPrevious: Secret | null;
    readonly accessTokenTtlMs: number;
    readonly refreshTokenTtlMs: number;
  };
  readonly database: { readonly url: Secret };
  /** `null`: the live state is kept in this process, which is then the only one. */
  readonly redis: { readonly url: Secret } | null;
  /** `null`: no media server. `host` is http(s)://, `publicUrl` (what clients dial) is ws(s)://. */
  readonly livekit: LiveKitConfig | null;
  readonly keyPrefix: string;
  readonly logLevel: LogLevel;
  /** `false` lifts the counts of the contract's "Limits", never sizes and deadlines. */
  readonly rateLimits: boolean;
  readonly metricsToken: Secret | null;
  /** Absolute path of the folder for what the process itself keeps. */
  readonly dataDir: string;
  /** `password: null` with `enabled`: make a random one and print it once. */
  readonly demoData: { readonly enabled: boolean; readonly password: Secret | null };
  readonly firstAdmin: { readonly username: string; readonly password: Secret } | null;
  /** 0 keeps the history for ever. */
  readonly historyRetentionDays: number;
}

export interface LiveKitConfig {
  readonly host: string;
  readonly publicUrl: string;
  readonly apiKey: string;
  readonly apiSecret: Secret;
}

/**
 * What the environment says, before the embedded servers have filled what it leaves open:
 * outside production the database, the signing key and the media server may be missing.
 */
export interface Settings extends Omit<Config, 'auth' | 'database'> {
  readonly auth: Omit<Config['auth'], 'secretKey'> & { readonly secretKey: Secret | null };
  readonly database: { readonly url: Secret } | null;
  /** May PostgreSQL, the signing key and livekit-server be provided by the process itself? */
  readonly embeddedAllowed: boolean;
  /** A key pair given without LIVEKIT_HOST: the embedded livekit-server uses it. */
  readonly embeddedLiveKitKeys: { readonly apiKey: string; readonly apiSecret: Secret } | null;
}

/** The demo users' password where only this machine reaches the server. Known to everybody. */
export const publicDemoPassword = 'push-to-talk';

/** A string that no log line, JSON document or template prints; `reveal()` gives it to the one who needs it. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Thrown with every fault of the environment at once. The process exits 78 (EX_CONFIG) before it listens. */
export class ConfigFault extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(
      [
        faults.length === 1 ? 'The configuration has a fault:' : `The configuration has ${faults.length} faults:`,
        ...faults.map((fault) => `  ${fault.variable}: ${fault.reason}\n      fix: ${fault.fix}`),
      ].join('\n'),
    );
    this.name = 'ConfigFault';
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the text of a `…_FILE` secret. Throws like `readFileSync`. */
type ReadSecretFile = (path: string) => string;

/**
 * Adds the variables of a `.env` file (its text) to the environment. What the real environment holds wins, also
 * when it is empty and also when it holds the `…_FILE` twin.
 */
export function withEnvFile(environment: Environment, envFileText: string): Environment {
  const merged: Record<string, string | undefined> = { ...environment };
  for (const [name, value] of Object.entries(parseEnv(envFileText))) {
    const twin = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`;
    if (environment[name] === undefined && !environment[twin]) merged[name] = value;
  }
  return merged;
}

/**
 * Checks every variable alone and all of them together, and with the options of the command line.
 * Throws {@link ConfigFault} listing all that is wrong. Source: the contract's "Environment".
 */
export function readConfig(
  environment: Environment,
  readSecretFile: ReadSecretFile = (path) => readFileSync(path, 'utf8'),
  options: StartOptions = {},
): Settings {
  const faults: Fault[] = [];
  const texts = textsOf(environment, readSecretFile, faults);
  let parsed = environmentSchema.safeParse(texts);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const variable = String(issue.path[0]);
      const fix: unknown = issue.code === 'custom' ? issue.params?.['fix'] : undefined;
      faults.push({ variable, reason: issue.message, fix: typeof fix === 'string' ? fix : 'see .env.example' });
      Reflect.deleteProperty(texts, variable);
    }
    parsed = environmentSchema.safeParse(texts);
    if (!parsed.success) throw new ConfigFault(faults);
  }
  const values = parsed.data;
  const alreadyFaulty = new Set(faults.map((fault) => fault.variable));
  faults.push(...faultsAcross(values, alreadyFaulty, options));
  if (faults.length > 0) throw new ConfigFault(faults);
  return deepFreeze(settingsOf(values));
}

/**
 * The settings of a server that listens in the network too: pages opened there may connect, and a reverse proxy on
 * this machine is believed about its clients unless TRUSTED_PROXIES says whom to believe. The demo password that
 * everybody knows does not count there, whoever set it.
 */
export function withLan(settings: Settings, address: string): Settings {
  const { http, demoData } = settings;
  const origins = [`http://${address}:${http.port}`, `https://${address}:${lanHttpsPort(http.port)}`];
  const isPublic = demoData.password?.reveal() === publicDemoPassword;
  return deepFreeze({
    ...settings,
    http: {
      ...http,
      lanAddress: address,
      allowedOrigins: [...new Set([...http.allowedOrigins, ...origins.map((origin) => new URL(origin).origin)])],
      trustedProxies: http.trustedProxies.length > 0 ? http.trustedProxies : ['loopback'],
    },
    demoData: { ...demoData, password: isPublic ? null : demoData.password },
  });
}

/** Where Caddyfile.lan serves https: its own default, unless this server has that port. */
export function lanHttpsPort(port: number): number {
  return port === 8443 ? 8444 : 8443;
}

/** The settings with what the embedded servers provided. Throws when something needed is still missing. */
export function completeConfig(
  settings: Settings,
  provided: {
    readonly secretKey?: Secret;
    readonly databaseUrl?: Secret;
    readonly livekit?: LiveKitConfig;
    readonly demoPassword?: Secret;
  },
): Config {
  const { embeddedAllowed: _allowed, embeddedLiveKitKeys: _keys, ...rest } = settings;
  const secretKey = settings.auth.secretKey ?? provided.secretKey;
  const database = settings.database ?? (provided.databaseUrl ? { url: provided.databaseUrl } : undefined);
  if (!secretKey) throw missing('SECRET_KEY');
  if (!database) throw missing('DATABASE_URL');
  return deepFreeze({
    ...rest,
    auth: { ...settings.auth, secretKey },
    database,
    livekit: settings.livekit ?? provided.livekit ?? null,
    demoData: { ...settings.demoData, password: settings.demoData.password ?? provided.demoPassword ?? null },
  });
}

function missing(variable: string): ConfigFault {
  return new ConfigFault([{ variable, reason: 'is not set and nothing provides it', fix: `set ${variable}` }]);
}

/** Empty counts as not set; a `…_FILE` twin gives the text of the file without its last line break. */
function textsOf(
  environment: Environment,
  readSecretFile: ReadSecretFile,
  faults: Fault[],
): Partial<Record<ConfigVariable, string>> {
  const texts: Partial<Record<ConfigVariable, string>> = {};
  for (const name of environmentSchema.keyof().options) {
    const direct = environment[name];
    if (direct) texts[name] = direct;
  }
  for (const name of secretVariables) {
    const path = environment[`${name}_FILE`];
    if (!path) continue;
    if (texts[name] !== undefined) {
      faults.push({
        variable: name,
        reason: `is given twice, by ${name} and by ${name}_FILE`,
        fix: 'keep one of them',
      });
      continue;
    }
    try {
      const text = readSecretFile(path).replace(/\r?\n$/, '');
      if (text === '') {
        faults.push({ variable: `${name}_FILE`, reason: `the file ${path} is empty`, fix: 'write the secret into it' });
      } else {
        texts[name] = text;
      }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      faults.push({
        variable: `${name}_FILE`,
        reason: `the file ${path} cannot be read (${code})`,
        fix: 'name a file that this process may read',
      });
    }
  }
  return texts;
}

function settingsOf(values: EnvironmentValues): Settings {
  const environment = values.NODE_ENV ?? 'development';
  const production = environment === 'production';
  const host = values.HOST ?? (production ? '0.0.0.0' : '127.0.0.1');
  const port = values.PORT ?? 8000;
  const secret = (value: string | undefined): Secret | null => (value === undefined ? null : new Secret(value));
  const apiKey = values.LIVEKIT_API_KEY;
  const apiSecret = secret(values.LIVEKIT_API_SECRET);
  const keys = apiKey !== undefined && apiSecret !== null ? { apiKey, apiSecret } : null;
  const livekitHost = values.LIVEKIT_HOST;
  return {
    appName: values.APP_NAME ?? 'NEDA',
    environment,
    http: {
      host,
      port,
      lanAddress: null,
      allowedOrigins:
        values.ALLOWED_ORIGINS ?? (production ? [] : [`http://127.0.0.1:${port}`, `http://localhost:${port}`]),
      trustedProxies: values.TRUSTED_PROXIES ?? [],
      talkPage: values.TALK_PAGE ?? !production,
    },
    auth: {
      secretKey: secret(values.SECRET_KEY),
      secretKeyPrevious: secret(values.SECRET_KEY_PREVIOUS),
      accessTokenTtlMs: values.ACCESS_TOKEN_TTL_MS ?? 600_000,
      refreshTokenTtlMs: values.REFRESH_TOKEN_TTL_MS ?? 30 * 24 * 3_600_000,
    },
    database: values.DATABASE_URL === undefined ? null : { url: new Secret(values.DATABASE_URL) },
    redis: values.REDIS_URL === undefined ? null : { url: new Secret(values.REDIS_URL) },
    livekit:
      livekitHost !== undefined && keys !== null
        ? { host: livekitHost, publicUrl: values.LIVEKIT_PUBLIC_URL ?? livekitHost.replace(/^http/, 'ws'), ...keys }
        : null,
    keyPrefix: values.KEY_PREFIX ?? '',
    logLevel: values.LOG_LEVEL ?? 'info',
    rateLimits: values.RATE_LIMITS ?? true,
    metricsToken: secret(values.METRICS_TOKEN),
    dataDir: resolve(values.DATA_DIR ?? '.neda'),
    demoData: {
      enabled: values.DEMO_DATA ?? !production,
      password: secret(values.DEMO_PASSWORD ?? (isLoopback(host) ? publicDemoPassword : undefined)),
    },
    firstAdmin:
      values.ADMIN_USERNAME !== undefined && values.ADMIN_PASSWORD !== undefined
        ? { username: values.ADMIN_USERNAME, password: new Secret(values.ADMIN_PASSWORD) }
        : null,
    historyRetentionDays: values.HISTORY_RETENTION_DAYS ?? 0,
    embeddedAllowed: !production,
    embeddedLiveKitKeys: livekitHost === undefined ? keys : null,
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
