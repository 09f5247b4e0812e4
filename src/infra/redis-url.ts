import { Redis, type RedisOptions } from 'ioredis';

const SENTINEL_URL = /^(rediss?)\+sentinel:\/\/(?:([^@/]*)@)?([^@/]+)\/([^/?#]+)$/;
const SENTINEL_PORT = 26_379;

/**
 * How to reach a Redis, in the words of the client. Reads `redis://` and `rediss://` URLs, and `redis+sentinel://user:password@host:26379,host2:26379/name-of-primary`.
 * User and password are those of Redis; Sentinels are asked without. Throws when the URL cannot be read.
 */
export function readRedisUrl(url: string): RedisOptions {
  const sentinel = SENTINEL_URL.exec(url);
  if (sentinel === null) {
    // The client reads its URLs when it is made; it does not connect.
    return new Redis(url, { lazyConnect: true }).options;
  }
  const [, scheme, credentials = '', places = '', name = ''] = sentinel;
  const { username, password } = new URL(`redis://${credentials === '' ? '' : `${credentials}@`}host`);
  const secured = scheme === 'rediss' ? { tls: {}, sentinelTLS: {} } : {};
  return {
    sentinels: places.split(',').map(readPlace),
    name: decodeURIComponent(name),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...secured,
  };
}

function readPlace(place: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${place}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? SENTINEL_PORT : Number(port) };
}
