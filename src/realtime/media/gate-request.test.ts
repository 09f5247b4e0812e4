import { expect, it } from 'vitest';
import { tokenOf } from './gate-request.ts';

const token = 'eyJh.eyJp.c2ln';
const query = `/rtc?access_token=${token}`;
const bearer = `Bearer ${token}`;

it.each([
  ['of a browser', [query], ['GET'], []],
  ['with what clients add', [`${query}&sdk=js&version=2.23.0&os_version=10%2E1&auto_subscribe=1`], ['GET'], []],
  ['of one peer connection', [`/rtc/v1?join_request=CAESAhgB-_%3D%3D&access_token=${token}`], ['GET'], []],
  ['with the token in the header', ['/rtc?protocol=16&sdk=rust'], ['GET'], [bearer]],
  ['that asks why it was refused', [`/rtc/validate?access_token=${token}`], ['GET'], []],
  ['that asks it with the header alone', ['/rtc/v1/validate'], ['GET'], [bearer]],
  ['through a proxy that does not tell the method', [query], [], []],
])('finds the token of a request %s', (_name, uris, methods, authorizations) => {
  expect(tokenOf({ uris, methods, authorizations })).toBe(token);
});

it.each([
  ['a second identity', [`${query}&publish=x`], []],
  ['a second identity without a name', [`${query}&publish=`], []],
  ['a second identity, without a value', [`${query}&publish`], []],
  ['a second identity, encoded', [`${query}&%70ublish=x`], []],
  ['a second identity behind a semicolon', [`${query}&sdk=js;publish=x`], []],
  ['a second identity behind an encoded ampersand of its name', [`${query}&sdk%26publish=x`], []],
  ['another case of a name', [`${query}&Publish=x`], []],
  ['two tokens', [`${query}&access_token=${token}`], []],
  ['two tokens, one encoded', [`${query}&access%5Ftoken=${token}`], []],
  ['a token in both places', [query], [bearer]],
  ['a token and an empty header', [query], ['']],
  ['two headers', ['/rtc'], [bearer, bearer]],
  ['no token', ['/rtc?protocol=16'], []],
  ['an empty token', ['/rtc?access_token='], []],
  ['an encoded token', [`/rtc?access_token=${token.replace('.', '%2E')}`], []],
  ['a token that is none', ['/rtc?access_token=abc'], []],
  ['a token of 5 000 characters', [`${query}${'x'.repeat(5_000)}`], []],
  ['another scheme', ['/rtc'], [`bearer ${token}`]],
  ['another parameter twice', [`${query}&sdk=js&sdk=js`], []],
  ['an empty parameter', [`${query}&`], []],
  ['broken encoding', [`${query}&sdk=%zz`], []],
  ['half an escape', [`${query}&sdk=%4`], []],
  ['a space', [`${query}&sdk=a b`], []],
  ['a fragment', [`${query}#x`], []],
  ['characters beyond ASCII', [`${query}&sdk=ä`], []],
  ['another path', [`/twirp/livekit.RoomService/ListRooms?access_token=${token}`], []],
  ['a path below', [`/rtc/v2?access_token=${token}`], []],
  ['a slash too many', [`//rtc?access_token=${token}`], []],
  ['a slash at the end', [`/rtc/?access_token=${token}`], []],
  ['an encoded path', [`/%72tc?access_token=${token}`], []],
  ['a path with dots', [`/rtc/../rtc?access_token=${token}`], []],
  ['a whole address', [`http://a.test${query}`], []],
  ['no address', [], [bearer]],
  ['two addresses', [query, query], []],
])('refuses a request with %s', (_name, uris, authorizations) => {
  expect(tokenOf({ uris, methods: ['GET'], authorizations })).toBeNull();
});

it.each([[['POST']], [['get']], [['GET', 'GET']], [['']]])('refuses the method %j', (methods) => {
  expect(tokenOf({ uris: [query], methods, authorizations: [] })).toBeNull();
});
