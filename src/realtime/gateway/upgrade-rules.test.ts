import { describe, expect, it } from 'vitest';
import { checkHandshake, checkOrigin, chooseProtocol, offersOnlyUnknown, readBearer } from './upgrade-rules.ts';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const handshake = { 'sec-websocket-key': key, 'sec-websocket-version': '13' };

describe('the rules of an upgrade', () => {
  it.each([
    [{ ...handshake, 'sec-websocket-key': 'AAAA' }, 'sec-websocket-key'],
    [{ 'sec-websocket-version': '13' }, 'sec-websocket-key'],
    [{ ...handshake, 'sec-websocket-version': '8' }, 'sec-websocket-version'],
    [{ 'sec-websocket-key': key }, 'sec-websocket-version'],
    [{ ...handshake, 'sec-websocket-protocol': '' }, 'sec-websocket-protocol'],
    [{ ...handshake, 'sec-websocket-protocol': 'a,,b' }, 'sec-websocket-protocol'],
    [{ ...handshake, 'sec-websocket-protocol': 'a, b,a' }, 'sec-websocket-protocol'],
  ])('refuse %j by the name of the header', (headers, name) => {
    expect(() => checkHandshake(headers)).toThrow(name);
  });

  it('pass a good one', () => {
    expect(() => checkHandshake({ ...handshake, 'sec-websocket-protocol': 'neda.v1 , chat' })).not.toThrow();
  });

  it('want an origin, where there is one, to be listed exactly', () => {
    const allowed = ['https://talk.example'];
    expect(() => checkOrigin(undefined, allowed)).not.toThrow();
    expect(() => checkOrigin('https://talk.example', allowed)).not.toThrow();
    for (const origin of [
      'null',
      '',
      'http://talk.example',
      'https://talk.example.evil',
      'https://talk.example:8443',
    ]) {
      expect(() => checkOrigin(origin, allowed)).toThrow('ALLOWED_ORIGINS');
    }
  });

  it('read a bearer token', () => {
    expect(readBearer(undefined)).toBeNull();
    expect(readBearer('Bearer abc.def-_')).toBe('abc.def-_');
    expect(readBearer('bearer  abc')).toBe('abc');
    for (const header of ['', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b', 'abc']) {
      expect(() => readBearer(header)).toThrow('Authorization');
    }
  });

  it('choose neda.v1, and echo the first of only unknown ones', () => {
    expect(chooseProtocol(new Set(['chat', 'neda.v1']))).toBe('neda.v1');
    expect(chooseProtocol(new Set(['neda.v2', 'chat']))).toBe('neda.v2');
    expect(offersOnlyUnknown(undefined)).toBe(false);
    expect(offersOnlyUnknown('chat, neda.v1')).toBe(false);
    expect(offersOnlyUnknown('neda.v11')).toBe(true);
  });
});
