import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { completeConfig, ConfigFault, readConfig, Secret, withEnvFile, withLan, type Fault } from './config.ts';

const key = () => randomBytes(36).toString('base64url');

const production = {
  NODE_ENV: 'production',
  SECRET_KEY: key(),
  DATABASE_URL: 'postgresql://neda@db/neda',
  REDIS_URL: 'redis://redis:6379',
};

function faultsOf(environment: Record<string, string>, readFile?: (path: string) => string): readonly Fault[] {
  try {
    readConfig(environment, readFile);
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
    throw error;
  }
}

const variablesOf = (environment: Record<string, string>) => faultsOf(environment).map((fault) => fault.variable);

describe('readConfig', () => {
  it('takes an empty environment for development on loopback', () => {
    const settings = readConfig({});
    expect(settings).toMatchObject({
      appName: 'NEDA',
      environment: 'development',
      http: { host: '127.0.0.1', port: 8000, trustedProxies: [], talkPage: true },
      auth: { secretKey: null, secretKeyPrevious: null, accessTokenTtlMs: 600_000, refreshTokenTtlMs: 2_592_000_000 },
      database: null,
      redis: null,
      livekit: null,
      keyPrefix: '',
      rateLimits: true,
      metricsToken: null,
      firstAdmin: null,
      historyRetentionDays: 0,
      embeddedAllowed: true,
    });
    expect(settings.demoData.enabled).toBe(true);
    expect(settings.demoData.password?.reveal()).toBe('push-to-talk');
    expect(settings.http.allowedOrigins).toEqual(['http://127.0.0.1:8000', 'http://localhost:8000']);
  });

  it('takes a whole production environment', () => {
    const settings = readConfig({
      ...production,
      LIVEKIT_HOST: 'wss://media.example.org/',
      LIVEKIT_API_KEY: 'neda',
      LIVEKIT_API_SECRET: key(),
      ALLOWED_ORIGINS: 'https://talk.example.org/, https://other.example.org:8443',
      TRUSTED_PROXIES: '10.0.0.0/8,::1, uniquelocal',
      ADMIN_USERNAME: 'Chief',
      ADMIN_PASSWORD: 'correct horse',
      UNKNOWN_TO_US: 'whatever',
      POSTGRES_PASSWORD: 'for compose',
    });
    expect(settings.http.host).toBe('0.0.0.0');
    expect(settings.http.talkPage).toBe(false);
    expect(settings.http.allowedOrigins).toEqual(['https://talk.example.org', 'https://other.example.org:8443']);
    expect(settings.http.trustedProxies).toEqual(['10.0.0.0/8', '::1', 'uniquelocal']);
    expect(settings.demoData.enabled).toBe(false);
    expect(settings.livekit).toMatchObject({ host: 'https://media.example.org', publicUrl: 'wss://media.example.org' });
    expect(settings.firstAdmin?.username).toBe('chief');
    expect(settings.embeddedAllowed).toBe(false);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['a port that is no number', { PORT: '80a' }, 'PORT', /whole number from 1 to 65535/],
    ['a port out of range', { PORT: '65536' }, 'PORT', /whole number from 1 to 65535/],
    ['port 0', { PORT: '0' }, 'PORT', /from 1/],
    ['an unknown mode', { NODE_ENV: 'staging' }, 'NODE_ENV', /development, production, test/],
    ['an unknown log level', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL', /fatal, error, warn, info, debug, trace, silent/],
    ['a switch that is neither on nor off', { RATE_LIMITS: 'yes' }, 'RATE_LIMITS', /on, off/],
    ['a host with a port', { HOST: '127.0.0.1:8000' }, 'HOST', /without a port/],
    ['a short signing key', { SECRET_KEY: 'x'.repeat(31) }, 'SECRET_KEY', /32 bytes/],
    ['a short previous key', { SECRET_KEY_PREVIOUS: 'short' }, 'SECRET_KEY_PREVIOUS', /32 bytes/],
    [
      'a driver in the database URL',
      { DATABASE_URL: 'postgresql+asyncpg://h/db' },
      'DATABASE_URL',
      /postgresql:\/\/h\/db/,
    ],
    ['another database', { DATABASE_URL: 'mysql://h/db' }, 'DATABASE_URL', /postgresql:\/\//],
    ['a database URL that is none', { DATABASE_URL: 'here' }, 'DATABASE_URL', /postgresql:\/\//],
    ['a Redis URL over http', { REDIS_URL: 'http://h' }, 'REDIS_URL', /redis:\/\//],
    [
      'Sentinels without a primary',
      { REDIS_URL: 'redis+sentinel://one,two' },
      'REDIS_URL',
      /one:26379,two:26379\/primary/,
    ],
    ['a brace in the prefix', { KEY_PREFIX: '{a}:' }, 'KEY_PREFIX', /without \{ and \}/],
    ['a blank in the prefix', { KEY_PREFIX: 'a b' }, 'KEY_PREFIX', /letters, digits/],
    ['a path in an origin', { ALLOWED_ORIGINS: 'https://a.example/x' }, 'ALLOWED_ORIGINS', /scheme:\/\/host/],
    ['a wildcard origin', { ALLOWED_ORIGINS: '*' }, 'ALLOWED_ORIGINS', /scheme:\/\/host/],
    ['a proxy that is no address', { TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES', /networks/],
    ['a token life of nothing', { ACCESS_TOKEN_TTL_MS: '0' }, 'ACCESS_TOKEN_TTL_MS', /1000/],
    ['a negative retention', { HISTORY_RETENTION_DAYS: '-1' }, 'HISTORY_RETENTION_DAYS', /from 0/],
    [
      'a refresh life under the access life',
      { REFRESH_TOKEN_TTL_MS: '5000' },
      'REFRESH_TOKEN_TTL_MS',
      /ACCESS_TOKEN_TTL_MS/,
    ],
    [
      'LiveKit without its secret',
      { LIVEKIT_HOST: 'http://h', LIVEKIT_API_KEY: 'k' },
      'LIVEKIT_API_SECRET',
      /LIVEKIT_HOST/,
    ],
    [
      'LiveKit without its key',
      { LIVEKIT_HOST: 'http://h', LIVEKIT_API_SECRET: 's' },
      'LIVEKIT_API_KEY',
      /LIVEKIT_HOST/,
    ],
    ['an admin without a password', { ADMIN_USERNAME: 'chief' }, 'ADMIN_PASSWORD', /both/],
    ['a password without an admin', { ADMIN_PASSWORD: 'long enough' }, 'ADMIN_USERNAME', /both/],
    ['a short demo password', { DEMO_PASSWORD: 'short' }, 'DEMO_PASSWORD', /8 to 256/],
    ['a line break in the name', { APP_NAME: 'a\nb' }, 'APP_NAME', /1 to 64 printable/],
    ['a host name with a blank', { HOST: 'my host' }, 'HOST', /127\.0\.0\.1/],
    ['31 characters of a key', { SECRET_KEY: `${'é'.repeat(15)}x` }, 'SECRET_KEY', /32 bytes/],
    [
      'a driver of the older scheme',
      { DATABASE_URL: 'postgres+psycopg://h/db' },
      'DATABASE_URL',
      /postgresql:\/\/h\/db/,
    ],
    ['LiveKit by ftp', { LIVEKIT_HOST: 'ftp://h' }, 'LIVEKIT_HOST', /https:\/\//],
    ['a public address that is no URL', { LIVEKIT_PUBLIC_URL: 'here' }, 'LIVEKIT_PUBLIC_URL', /wss:\/\//],
    ['a user in an origin', { ALLOWED_ORIGINS: 'https://a@b.example' }, 'ALLOWED_ORIGINS', /scheme:\/\/host/],
    ['a proxy by name', { TRUSTED_PROXIES: 'proxy.example' }, 'TRUSTED_PROXIES', /addresses or networks/],
    ['a refresh life over a year', { REFRESH_TOKEN_TTL_MS: '31622400001' }, 'REFRESH_TOKEN_TTL_MS', /31622400000/],
    ['a switch of the page that is none', { TALK_PAGE: 'true' }, 'TALK_PAGE', /on, off/],
    ['a switch of the demo data that is none', { DEMO_DATA: '1' }, 'DEMO_DATA', /on, off/],
    [
      'an admin whom no name fits',
      { ADMIN_USERNAME: 'the chief', ADMIN_PASSWORD: 'long enough' },
      'ADMIN_USERNAME',
      /2 to 64/,
    ],
    ['a short admin password', { ADMIN_USERNAME: 'chief', ADMIN_PASSWORD: 'short' }, 'ADMIN_PASSWORD', /8 to 256/],
  ])('refuses %s and says what to write', (_what, environment, variable, fix) => {
    const faults = faultsOf(environment);
    expect(faults.map((fault) => fault.variable)).toEqual([variable]);
    expect(faults[0]?.fix).toMatch(fix);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a missing signing key', { SECRET_KEY: '' }, 'SECRET_KEY'],
    ['a sample signing key', { SECRET_KEY: 'please-change-me-please-change-me' }, 'SECRET_KEY'],
    ['a signing key of one character', { SECRET_KEY: 'k'.repeat(40) }, 'SECRET_KEY'],
    ['a missing database', { DATABASE_URL: '' }, 'DATABASE_URL'],
    ['a missing Redis', { REDIS_URL: '' }, 'REDIS_URL'],
    ['lifted limits', { RATE_LIMITS: 'off' }, 'RATE_LIMITS'],
    ['demo data', { DEMO_DATA: 'on' }, 'DEMO_DATA'],
    ['a short metrics token', { METRICS_TOKEN: 'abcdefg' }, 'METRICS_TOKEN'],
    ['a secret used twice', { METRICS_TOKEN: production.SECRET_KEY }, 'METRICS_TOKEN'],
    [
      'the signing key as database password',
      { DATABASE_URL: `postgresql://n:${production.SECRET_KEY}@db/n` },
      'DATABASE_URL',
    ],
    [
      "LiveKit's sample pair",
      { LIVEKIT_HOST: 'http://h', LIVEKIT_API_KEY: 'devkey', LIVEKIT_API_SECRET: 'secret' },
      'LIVEKIT_API_SECRET',
    ],
    ['demo data and its page', { DEMO_DATA: 'on', TALK_PAGE: 'on' }, 'DEMO_DATA'],
    ['the same key before and after a rotation', { SECRET_KEY_PREVIOUS: production.SECRET_KEY }, 'SECRET_KEY_PREVIOUS'],
    ['a sample as the key before', { SECRET_KEY_PREVIOUS: 'example'.repeat(5) }, 'SECRET_KEY_PREVIOUS'],
    [
      'a short secret of LiveKit',
      { LIVEKIT_HOST: 'http://h', LIVEKIT_API_KEY: 'k', LIVEKIT_API_SECRET: 'abcdefghij0123456789' },
      'LIVEKIT_API_SECRET',
    ],
    ['the signing key as password of Redis', { REDIS_URL: `redis://:${production.SECRET_KEY}@redis` }, 'REDIS_URL'],
    [
      'the signing key as password of a Redis behind Sentinels',
      { REDIS_URL: `redis+sentinel://:${production.SECRET_KEY}@one,two/neda` },
      'REDIS_URL',
    ],
    ['a sample admin password', { ADMIN_USERNAME: 'chief', ADMIN_PASSWORD: 'changeme' }, 'ADMIN_PASSWORD'],
  ])('refuses in production %s', (_what, change, variable) => {
    expect(variablesOf({ ...production, ...change })).toEqual([variable]);
  });

  it('lists every fault at once, each variable once', () => {
    expect(
      variablesOf({
        NODE_ENV: 'production',
        PORT: 'x',
        SECRET_KEY: 'abc',
        DATABASE_URL: 'nowhere',
        RATE_LIMITS: 'off',
      }),
    ).toEqual(['PORT', 'DATABASE_URL', 'SECRET_KEY', 'REDIS_URL', 'RATE_LIMITS']);
  });

  it('never writes a secret into a fault', () => {
    const environment = {
      ...production,
      SECRET_KEY: 'tiny-secret-7531',
      DATABASE_URL: 'postgresql+asyncpg://neda:p4ss/w@rd@db:5432/neda',
      METRICS_TOKEN: 'example-of-a-token-7531',
    };
    const text = new ConfigFault(faultsOf(environment)).message;
    expect(text).toContain('postgresql://neda:***@db:5432/neda');
    expect(text).not.toMatch(/7531|p4ss|w@rd/);
  });

  it('reads a secret from the file that its twin names', () => {
    const secretKey = key();
    const settings = readConfig({ SECRET_KEY_FILE: '/run/secrets/key' }, (path) => {
      expect(path).toBe('/run/secrets/key');
      return `${secretKey}\n`;
    });
    expect(settings.auth.secretKey?.reveal()).toBe(secretKey);
  });

  it.each([
    'SECRET_KEY',
    'SECRET_KEY_PREVIOUS',
    'DATABASE_URL',
    'REDIS_URL',
    'LIVEKIT_API_KEY',
    'LIVEKIT_API_SECRET',
    'METRICS_TOKEN',
    'ADMIN_PASSWORD',
    'DEMO_PASSWORD',
  ])('knows %s_FILE', (name) => {
    const faults = faultsOf({ [`${name}_FILE`]: '/k' }, () => '');
    expect(faults).toMatchObject([{ variable: `${name}_FILE`, reason: 'the file /k is empty' }]);
  });

  it('names files for secrets only', () => {
    expect(
      readConfig({ PORT_FILE: '/k', LIVEKIT_HOST_FILE: '/k' }, () => expect.fail('a file was read')).http.port,
    ).toBe(8000);
  });

  it.each(['development', 'test'])('serves demo data and page in %s', (NODE_ENV) => {
    const settings = readConfig({ NODE_ENV });
    expect(settings).toMatchObject({ demoData: { enabled: true }, http: { host: '127.0.0.1', talkPage: true } });
    expect(settings.dataDir).toMatch(/\/\.neda$/);
    expect(readConfig({ NODE_ENV, DEMO_DATA: 'off', TALK_PAGE: 'off' })).toMatchObject({
      demoData: { enabled: false },
      http: { talkPage: false },
    });
  });

  it('takes the bounds themselves', () => {
    const settings = readConfig({
      SECRET_KEY: 'é'.repeat(16),
      PORT: '65535',
      ACCESS_TOKEN_TTL_MS: '1000',
      REFRESH_TOKEN_TTL_MS: '31622400000',
      HISTORY_RETENTION_DAYS: '36500',
      HOST: '::1',
      KEY_PREFIX: 'k'.repeat(64),
    });
    expect(settings.auth).toMatchObject({ accessTokenTtlMs: 1000, refreshTokenTtlMs: 31_622_400_000 });
    expect(settings).toMatchObject({ historyRetentionDays: 36_500, http: { port: 65_535, host: '::1' } });
  });

  it('refuses a secret given twice, an empty file and a file that cannot be read', () => {
    const missing = Object.assign(new Error('no'), { code: 'ENOENT' });
    expect(faultsOf({ SECRET_KEY: key(), SECRET_KEY_FILE: '/k' }, () => key())).toMatchObject([
      { variable: 'SECRET_KEY' },
    ]);
    expect(faultsOf({ METRICS_TOKEN_FILE: '/k' }, () => '\n')).toMatchObject([{ variable: 'METRICS_TOKEN_FILE' }]);
    const unreadable = faultsOf(
      { NODE_ENV: 'production', REDIS_URL: 'redis://h', DATABASE_URL: 'postgres://h/d', SECRET_KEY_FILE: '/k' },
      () => {
        throw missing;
      },
    );
    expect(unreadable).toMatchObject([{ variable: 'SECRET_KEY_FILE', reason: expect.stringContaining('ENOENT') }]);
  });

  it('makes up a demo password only where others cannot reach the server', () => {
    expect(readConfig({ HOST: '0.0.0.0' }).demoData.password).toBeNull();
    expect(readConfig({ HOST: '0.0.0.0', DEMO_PASSWORD: 'a b c d e f' }).demoData.password?.reveal()).toBe(
      'a b c d e f',
    );
    expect(readConfig({ HOST: '::1' }).demoData.password?.reveal()).toBe('push-to-talk');
  });

  it('keeps a LiveKit key pair without LIVEKIT_HOST for the embedded server', () => {
    const settings = readConfig({ LIVEKIT_API_KEY: 'k', LIVEKIT_API_SECRET: key() });
    expect(settings.livekit).toBeNull();
    expect(settings.embeddedLiveKitKeys?.apiKey).toBe('k');
  });

  it('takes the Sentinels of a Redis', () => {
    const url = 'rediss+sentinel://user:p%40ss@one:26380,[::1]/neda';
    expect(readConfig({ REDIS_URL: url }).redis?.url.reveal()).toBe(url);
  });

  it('is frozen throughout', () => {
    const settings = readConfig({ REDIS_URL: 'redis://h' });
    for (const part of [settings, settings.http, settings.http.allowedOrigins, settings.auth, settings.demoData]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('completeConfig', () => {
  it('takes what is given over what is provided', () => {
    const own = key();
    const config = completeConfig(readConfig({ SECRET_KEY: own }), {
      secretKey: new Secret('other'),
      databaseUrl: new Secret('postgresql://embedded/neda'),
    });
    expect(config.auth.secretKey.reveal()).toBe(own);
    expect(config.database.url.reveal()).toBe('postgresql://embedded/neda');
    expect(config.livekit).toBeNull();
  });

  it('refuses to go on without a database', () => {
    expect(() => completeConfig(readConfig({ SECRET_KEY: key() }), {})).toThrow(/DATABASE_URL/);
  });
});

describe('withEnvFile', () => {
  const file = 'PORT=9000\n# note\nKEY_PREFIX="from file:"\nSECRET_KEY=from-file\n';
  it('lets the real environment win, also when it is empty or names the twin', () => {
    expect(withEnvFile({ PORT: '9001', KEY_PREFIX: '', SECRET_KEY_FILE: '/k' }, file)).toEqual({
      PORT: '9001',
      KEY_PREFIX: '',
      SECRET_KEY_FILE: '/k',
    });
    expect(withEnvFile({}, file)).toEqual({ PORT: '9000', KEY_PREFIX: 'from file:', SECRET_KEY: 'from-file' });
  });
});

describe('Secret', () => {
  it('prints nothing of itself', () => {
    const secret = new Secret('hush');
    expect(
      `${String(secret)} ${JSON.stringify({ secret })} ${inspect({ secret }, { showHidden: true })}`,
    ).not.toContain('hush');
    expect(secret.reveal()).toBe('hush');
  });
});

describe('--lan', () => {
  const faults = (environment: Record<string, string>): readonly Fault[] => {
    try {
      readConfig(environment, undefined, { lan: true });
      return [];
    } catch (error) {
      if (error instanceof ConfigFault) return error.faults;
      throw error;
    }
  };

  it('lets pages of both addresses in the network connect, beside those that may anyway', () => {
    const settings = withLan(readConfig({}, undefined, { lan: true }), '192.168.1.20');
    expect(settings.http).toMatchObject({ host: '127.0.0.1', lanAddress: '192.168.1.20' });
    expect(settings.http.allowedOrigins).toEqual([
      'http://127.0.0.1:8000',
      'http://localhost:8000',
      'http://192.168.1.20:8000',
      'https://192.168.1.20:8443',
    ]);
    const given = withLan(readConfig({ ALLOWED_ORIGINS: 'https://a.example', PORT: '8443' }), '10.0.0.5');
    expect(given.http.allowedOrigins).toEqual(['https://a.example', 'http://10.0.0.5:8443', 'https://10.0.0.5:8444']);
  });

  it('believes a proxy on this machine unless others are named', () => {
    expect(withLan(readConfig({}), '10.0.0.5').http.trustedProxies).toEqual(['loopback']);
    expect(withLan(readConfig({ TRUSTED_PROXIES: '10.0.0.9' }), '10.0.0.5').http.trustedProxies).toEqual(['10.0.0.9']);
  });

  it.each([{}, { DEMO_PASSWORD: 'push-to-talk' }])('never takes the demo password that everybody knows: %j', (more) => {
    expect(withLan(readConfig(more), '10.0.0.5').demoData).toMatchObject({ enabled: true, password: null });
  });

  it('takes a demo password of the operator', () => {
    expect(withLan(readConfig({ DEMO_PASSWORD: 'a b c d e f' }), '10.0.0.5').demoData.password?.reveal()).toBe(
      'a b c d e f',
    );
  });

  it('is refused in production and beside HOST, with all other faults', () => {
    expect(faults({})).toEqual([]);
    expect(faults(production).map(({ variable }) => variable)).toEqual(['--lan']);
    expect(faults({ HOST: '127.0.0.1' })).toMatchObject([
      { variable: 'HOST', reason: expect.stringContaining('--lan') },
    ]);
    expect(faults({ NODE_ENV: 'production', HOST: '::' }).map(({ variable }) => variable)).toEqual([
      '--lan',
      'HOST',
      'SECRET_KEY',
      'DATABASE_URL',
      'REDIS_URL',
    ]);
  });
});
