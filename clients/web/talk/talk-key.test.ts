import { beforeEach, describe, expect, it } from 'vitest';
import { type OwnTalk, TalkKey } from './talk-key.ts';

const TALK: OwnTalk = { talkId: 'talk-1', streamId: 11, media: { kind: 'none' } };
const OTHER: OwnTalk = { talkId: 'talk-2', streamId: 12, media: { kind: 'none' } };

let happened: string[];
let isConnected: boolean;
let key: TalkKey;

beforeEach(() => {
  happened = [];
  isConnected = true;
  let requests = 0;
  key = new TalkKey({
    request: () => {
      requests += 1;
      happened.push('request');
      return isConnected ? `r${requests}` : null;
    },
    release: (talkId) => happened.push(talkId === undefined ? 'release' : `release ${talkId}`),
    begin: ({ talkId }) => happened.push(`begin ${talkId}`),
    resume: ({ talkId }) => happened.push(`resume ${talkId}`),
    end: () => happened.push('end'),
    onRefused: ({ cause }) => happened.push(`refused ${cause}`),
    onCut: (cause, retryAfterMs) => happened.push(`cut ${cause} ${retryAfterMs}`),
    onChange: () => undefined,
  });
});

describe('the talk key', () => {
  it('asks, talks and lets go', () => {
    key.press();
    key.granted(TALK, 'r1');
    expect(key.talk).toEqual(TALK);
    key.letGo();
    expect(happened).toEqual(['request', 'begin talk-1', 'end', 'release']);
    expect(key.state.kind).toBe('up');
  });

  it('asks once however often it is pressed', () => {
    key.press();
    key.press();
    key.granted(TALK, 'r1');
    key.press();
    expect(happened).toEqual(['request', 'begin talk-1']);
  });

  it('gives a grant back that comes after it was let go, without a sound', () => {
    key.press();
    key.letGo();
    key.granted(TALK, 'r1');
    expect(happened).toEqual(['request', 'release', 'release talk-1']);
  });

  it('takes the grant of an earlier press for none of this one', () => {
    key.press();
    key.letGo();
    key.press();
    key.granted(TALK, 'r1');
    expect(key.state).toEqual({ kind: 'asking', requestId: 'r2' });
    key.granted(OTHER, 'r2');
    expect(happened).toEqual(['request', 'release', 'request', 'begin talk-2']);
  });

  it('says a refusal once, and has to be let go before it asks again', () => {
    key.press();
    key.denied({ cause: 'busy' }, 'r1');
    key.press();
    key.letGo();
    key.press();
    expect(happened).toEqual(['request', 'refused busy', 'request']);
  });

  it('does not listen to the refusal of an earlier press', () => {
    key.press();
    key.letGo();
    key.press();
    key.denied({ cause: 'busy' }, 'r1');
    expect(key.state.kind).toBe('asking');
  });

  it('waits in the queue until the grant comes by itself', () => {
    key.press();
    key.queued(2, 'r1');
    key.queued(1, undefined);
    expect(key.state).toMatchObject({ kind: 'queued', position: 1 });
    key.granted(TALK, undefined);
    expect(happened).toEqual(['request', 'begin talk-1']);
  });

  it('gives its place in the queue up', () => {
    key.press();
    key.queued(1, 'r1');
    key.letGo();
    key.granted(TALK, undefined);
    expect(happened).toEqual(['request', 'release', 'release talk-1']);
  });

  it('is refused in the queue without an answer to anything', () => {
    key.press();
    key.queued(1, 'r1');
    key.denied({ cause: 'listen_only' }, undefined);
    expect(happened).toEqual(['request', 'refused listen_only']);
  });

  it('stops sending when its talk is cut, once, and sends no release then', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.ended('talk-1', 'too_long', 2_000);
    key.ended('talk-1', 'too_long', 0);
    key.letGo();
    expect(happened).toEqual(['request', 'begin talk-1', 'end', 'cut too_long 2000']);
  });

  it('does not care for the end of other talks', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.ended('talk-2', 'released', 0);
    expect(key.state.kind).toBe('talking');
  });

  it('goes on with the talk that has survived a lost connection, without a second go-ahead', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.reconnected(() => 'again');
    key.granted(TALK, 'again');
    expect(happened).toEqual(['request', 'begin talk-1', 'resume talk-1']);
    expect(key.state.kind).toBe('talking');
  });

  it('begins a new talk when the old one has not survived, and the key is still held', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.reconnected(() => 'again');
    key.ended('talk-1', 'lost', 0);
    key.granted(OTHER, 'again');
    expect(happened).toEqual(['request', 'begin talk-1', 'end', 'begin talk-2']);
  });

  it('stops the old talk when it is given a new one before it has heard of the end', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.reconnected(() => 'again');
    key.granted(OTHER, 'again');
    expect(happened).toEqual(['request', 'begin talk-1', 'end', 'begin talk-2']);
  });

  it('is refused when somebody else took the floor meanwhile', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.reconnected(() => 'again');
    key.denied({ cause: 'busy' }, 'again');
    expect(happened).toEqual(['request', 'begin talk-1', 'end', 'refused busy']);
  });

  it('asks when the connection is there, when it was pressed without one', () => {
    isConnected = false;
    key.press();
    key.reconnected(() => 'later');
    key.granted(TALK, 'later');
    expect(happened).toEqual(['request', 'begin talk-1']);
  });

  it('gives back a floor that nobody holds the key for', () => {
    key.found('talk-1');
    expect(happened).toEqual(['release talk-1']);
  });

  it('keeps a floor that it holds the key for', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.found('talk-1');
    expect(happened).toEqual(['request', 'begin talk-1']);
  });

  it('asks for nothing after a reconnect when it is up', () => {
    key.reconnected(() => {
      throw new Error('nothing is to be sent');
    });
    expect(key.state.kind).toBe('up');
  });

  it('is spent by an error to its request only', () => {
    key.press();
    expect(key.failed('another')).toBe(false);
    expect(key.failed(undefined)).toBe(false);
    expect(key.failed('r1')).toBe(true);
    expect(key.state.kind).toBe('spent');
  });

  it('closes the microphone when the group is left', () => {
    key.press();
    key.granted(TALK, 'r1');
    key.abandon();
    expect(happened).toEqual(['request', 'begin talk-1', 'end']);
    expect(key.state.kind).toBe('up');
  });
});
