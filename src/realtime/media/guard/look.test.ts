import { describe, expect, test } from 'vitest';
import { mediaIdentity } from '../port.ts';
import type { Guest } from '../room-control.ts';
import { desiredRight, type Floor, freeFloor } from './desired-right.ts';
import { look } from './look.ts';

const [ALICE, BOB, CAROL] = [identityOf(1), identityOf(2), identityOf(3)];
const TALK = 'talk-1';
const aliceTalks: Floor = { talk: { talkId: TALK, identity: ALICE }, reserved: null };
const bobIsGiven: Floor = { talk: null, reserved: { talkId: 'talk-2', identity: BOB, over: null } };
const bobPreempts: Floor = { ...aliceTalks, reserved: { talkId: 'talk-2', identity: BOB, over: TALK } };
/** The talk that was to be pre-empted has ended and another has begun. */
const bobIsLate: Floor = { ...aliceTalks, reserved: { talkId: 'talk-2', identity: BOB, over: 'talk-0' } };
const relayTalks: Floor = { talk: { talkId: TALK, identity: null }, reserved: null };

const voice = { isVoice: true };
const other = { isVoice: false };

function identityOf(n: number): string {
  return mediaIdentity(`0190000${n}-0000-7000-8000-000000000000`, `0190000${n}-0000-7000-9000-000000000000`);
}

function guest(identity: string, mayPublish: boolean, ...tracks: Guest['tracks']): Guest {
  return { identity, mayPublish, tracks };
}

describe('what an identity may do by the floor', () => {
  test.each<[string, string, Floor, ReturnType<typeof desiredRight>]>([
    ['nobody talks', ALICE, freeFloor, 'listen'],
    ['he talks', ALICE, aliceTalks, 'speak'],
    ['another talks', BOB, aliceTalks, 'listen'],
    ['he is being given the floor', BOB, bobIsGiven, 'undecided'],
    ['another is', ALICE, bobIsGiven, 'listen'],
    ['he is being pre-empted', ALICE, bobPreempts, 'undecided'],
    ['he pre-empts', BOB, bobPreempts, 'undecided'],
    ['somebody was to pre-empt a talk before his', ALICE, bobIsLate, 'speak'],
    ['somebody talks over a socket', ALICE, relayTalks, 'listen'],
  ])('when %s', (_when, identity, floor, right) => {
    expect(desiredRight(identity, floor)).toBe(right);
  });
});

describe('a look at a room', () => {
  test.each<[string, Guest, Floor, string | null]>([
    ['a listener', guest(BOB, false), aliceTalks, null],
    ['the talker', guest(ALICE, true, voice), aliceTalks, null],
    ['a talker who has not published yet', guest(ALICE, true), aliceTalks, null],
    ['who has the right and not the floor', guest(BOB, true), aliceTalks, 'right_without_floor'],
    ['who publishes without the floor', guest(BOB, true, voice), aliceTalks, 'track_without_floor'],
    ['a track that outlived the right', guest(BOB, false, voice), freeFloor, 'track_without_floor'],
    ['who publishes while nobody talks', guest(ALICE, true, voice), freeFloor, 'track_without_floor'],
    ['a picture', guest(ALICE, true, other), aliceTalks, 'wrong_track'],
    ['a picture beside the voice', guest(ALICE, true, voice, other), aliceTalks, 'wrong_track'],
    ['two microphones', guest(ALICE, true, voice, voice), aliceTalks, 'second_track'],
    ['a talker without the right', guest(ALICE, false), aliceTalks, 'right_lost'],
    ['who is being given the floor', guest(BOB, true, voice), bobIsGiven, null],
    ['who is being pre-empted', guest(ALICE, false, voice), bobPreempts, null],
    ['the identity that LiveKit makes of publish=', guest(`${ALICE}#x`, true, voice), aliceTalks, 'unknown_identity'],
    ['an identity with something before it', guest(`x${ALICE}`, false), aliceTalks, 'unknown_identity'],
    ['an identity in capitals', guest(ALICE.toUpperCase(), false), aliceTalks, 'unknown_identity'],
    ['an identity of two lines', guest(`${ALICE}\n`, false), aliceTalks, 'unknown_identity'],
    ['a bridge, which there is none of yet', guest('bridge.group', false), aliceTalks, 'unknown_identity'],
    ['no identity', guest('', true, voice), freeFloor, 'unknown_identity'],
    ['who is not of the group', guest(CAROL, false), aliceTalks, 'outsider'],
    ['who is not of the group and publishes', guest(CAROL, true, voice), aliceTalks, 'outsider'],
  ])('sees %s', (_who, someone, floor, kind) => {
    const expected = kind === null ? [] : [{ identity: someone.identity, kind }];
    expect(look([someone], floor, new Set([CAROL]))).toEqual(expected);
  });

  test('names everybody who is not as he should be', () => {
    const guests = [guest(ALICE, true, voice), guest(BOB, true), guest(CAROL, false, voice)];
    expect(look(guests, aliceTalks, new Set())).toEqual([
      { identity: BOB, kind: 'right_without_floor' },
      { identity: CAROL, kind: 'track_without_floor' },
    ]);
  });
});
