import { expect, test } from 'vitest';
import { readRedisUrl } from './redis-url.ts';

test('a URL of one Redis is read with user, password, database and TLS', () => {
  expect(readRedisUrl('rediss://me:p%40ss@redis.example.org:7000/2')).toMatchObject({
    host: 'redis.example.org',
    port: 7_000,
    username: 'me',
    password: 'p@ss',
    db: 2,
  });
  expect(readRedisUrl('rediss://h').tls).toBeTruthy();
  expect(readRedisUrl('redis://h').tls).toBeFalsy();
});

test('a URL of Sentinels names them all, and the primary', () => {
  expect(readRedisUrl('redis+sentinel://:p%40ss@one:26380,two,[::1]:26381/neda')).toEqual({
    sentinels: [
      { host: 'one', port: 26_380 },
      { host: 'two', port: 26_379 },
      { host: '::1', port: 26_381 },
    ],
    name: 'neda',
    password: 'p@ss',
  });
  expect(readRedisUrl('rediss+sentinel://one/neda')).toMatchObject({ tls: {}, sentinelTLS: {} });
});
