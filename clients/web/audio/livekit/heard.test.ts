import { describe, expect, it } from 'vitest';
import type { CurrentTalk } from '../../talk/room.ts';
import { heardIdentity } from './heard.ts';

const ANN = '01990000-0000-7000-8000-00000000000a';
const BOB = '01990000-0000-7000-8000-00000000000b';
const SESSION = '01990000-0000-7000-8000-0000000000ff';
const OF_ANN = `u_${ANN}.${SESSION}`;
const BRIDGE = 'bridge.g';

function talkOf(userId: string, mine = false): CurrentTalk {
  return { talkId: 't', streamId: 1, speaker: { userId, displayName: userId }, emergency: false, mine };
}

describe('who is heard', () => {
  it.each([
    ['the holder of the floor', [`u_${BOB}.${SESSION}`, OF_ANN], talkOf(ANN), OF_ANN],
    ['the bridge, for a holder who talks over the WebSocket', [`u_${BOB}.${SESSION}`, BRIDGE], talkOf(ANN), BRIDGE],
    ['the holder rather than the bridge', [BRIDGE, OF_ANN], talkOf(ANN), OF_ANN],
    ['nobody while the floor is free', [OF_ANN, BRIDGE], null, null],
    ['nobody in a talk of one’s own', [OF_ANN, BRIDGE], talkOf(ANN, true), null],
    ['nobody who has not the floor', [OF_ANN], talkOf(BOB), null],
    [
      'nobody beside the session of the holder',
      [`${OF_ANN}#x`, `u_${ANN}.`, `u_${ANN}`, `x${OF_ANN}`],
      talkOf(ANN),
      null,
    ],
    ['no bridge of another group', ['bridge.other', 'bridge.g2'], talkOf(ANN), null],
  ])('is %s', (_what, identities, talk, expected) => {
    expect(heardIdentity(identities, 'g', talk)).toBe(expected);
  });
});
