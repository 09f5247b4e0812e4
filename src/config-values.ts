/** How the text of one environment variable is read: into a value, or a reason and a fix. Faults never hold a secret. */
import { isIP } from 'node:net';

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

function good<T>(value: T): Reading<T> {
  return { ok: true, value };
}

function bad(reason: string, fix: string): { ok: false; reason: string; fix: string } {
  return { ok: false, reason, fix };
}

export function oneOf<const T extends readonly string[]>(allowed: T): (text: string) => Reading<T[number]> {
  return (text) => {
    const value = allowed.find((candidate) => candidate === text);
    return value === undefined
      ? bad(`is "${text}", which is not a value it can have`, `use one of: ${allowed.join(', ')}`)
      : good(value);
  };
}

export function onOff(text: string): Reading<boolean> {
  const reading = oneOf(['on', 'off'])(text);
  return reading.ok ? good(reading.value === 'on') : reading;
}

export function integer(least: number, most: number, unit: string): (text: string) => Reading<number> {
  const fix = `write a whole number from ${least} to ${most}${unit}`;
  return (text) => {
    if (!/^\d{1,15}$/.test(text)) return bad(`is "${text}", not a whole number`, fix);
    const value = Number(text);
    return value < least || value > most ? bad(`is ${value}, out of range`, fix) : good(value);
  };
}

export function text(least: number, most: number): (text: string) => Reading<string> {
  return (value) =>
    value.length < least || value.length > most || /\p{Cc}/u.test(value)
      ? bad('has a wrong length or control characters', `write ${least} to ${most} printable characters`)
      : good(value);
}

export function signingKey(value: string): Reading<string> {
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

export function databaseUrl(value: string): Reading<string> {
  const driver = /^(?:postgresql|postgres)\+[a-z0-9_]+:\/\//i.exec(value);
  if (driver) {
    const corrected = `postgresql://${value.slice(driver[0].length)}`;
    return bad(`has the scheme ${driver[0]} of a Python driver`, `write ${withoutPassword(corrected)}`);
  }
  const reading = url(['postgresql:', 'postgres:'], 'postgresql://user:password@host:5432/database')(value);
  return reading.ok ? good(value) : reading;
}

/** The URL with `***` for its password, fit to be shown. */
function withoutPassword(value: string): string {
  return value.replace(/^([a-z+]+:\/\/[^/@:]*):.*@/i, '$1:***@');
}

const sentinelUrl = /^rediss?\+sentinel:\/\//i;

/** One Redis, any node of a cluster, or `redis+sentinel://` with the places of Sentinels and the name of the primary. */
export function redisUrl(value: string): Reading<string> {
  if (sentinelUrl.test(value)) {
    return /^rediss?\+sentinel:\/\/(?:[^@/]*@)?[^@/]+\/[^/?#]+$/.test(value)
      ? good(value)
      : bad(
          'does not name the Sentinels and their primary',
          'write it as redis+sentinel://:password@one:26379,two:26379/primary',
        );
  }
  const reading = url(['redis:', 'rediss:'], 'redis://:password@host:6379')(value);
  return reading.ok ? good(value) : reading;
}

export function serverUrl(to: 'http' | 'ws'): (text: string) => Reading<string> {
  return (value) => {
    const reading = url(['http:', 'https:', 'ws:', 'wss:'], `${to}s://livekit.example.org`)(value);
    if (!reading.ok) return reading;
    return good(value.replace(/^(?:http|ws)/i, to).replace(/\/+$/, ''));
  };
}

export function host(value: string): Reading<string> {
  return isIP(value) > 0 || /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(value)
    ? good(value)
    : bad(
        `is "${value}", not an address or host name`,
        'write an address without a port, such as 127.0.0.1 or 0.0.0.0',
      );
}

export function listOf(check: (item: string) => Reading<string>): (text: string) => Reading<readonly string[]> {
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

export function origin(value: string): Reading<string> {
  const fix = 'list origins as scheme://host[:port], separated by commas, such as https://talk.example.org';
  if (!/^https?:\/\/[^/]+\/?$/i.test(value) || !URL.canParse(value)) return bad(`holds "${value}", not an origin`, fix);
  const parsed = new URL(value);
  return parsed.username || parsed.hostname.includes('*')
    ? bad(`holds "${value}", not an origin`, fix)
    : good(parsed.origin);
}

export function proxy(value: string): Reading<string> {
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

export function keyPrefix(value: string): Reading<string> {
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

export function username(value: string): Reading<string> {
  const lower = value.toLowerCase();
  return /^[a-z0-9._-]{2,64}$/.test(lower)
    ? good(lower)
    : bad(`is "${value}", not a user name`, 'use 2 to 64 letters, digits and . _ -');
}
