import { beforeEach, describe, expect, it } from 'vitest';
import { FakeSocket, FakeTime, settled } from './link/test-doubles.ts';
import type { TalkPorts } from './audio/carrier.ts';
import { Session, type TalkVoice } from './session.ts';

const ME = { id: 'me', username: 'me', displayName: 'Me', role: 'user' };
const ANN = { userId: 'ann', displayName: 'Ann' };
const RELAY = { kind: 'relay', codec: 'opus', sampleRateHz: 48_000, channels: 1, maxPacketBytes: 1275 };
const LIVEKIT = { kind: 'livekit', url: 'ws://sfu', room: 'r', token: 't', identity: 'i', expiresInMs: 90_000 };
const IDLE = { state: 'idle' };

let time: FakeTime;
let sockets: FakeSocket[];
let notices: string[];
let left: string[];
let ways: (string | undefined)[];
let sounds: string[];
let heard: string[];
let talk: TalkPorts | null;
/** Do the others hear a talk as soon as it begins? */
let isHeardAtOnce: boolean;
let session: Session;

beforeEach(async () => {
  time = new FakeTime();
  sockets = [];
  notices = [];
  left = [];
  ways = [];
  sounds = [];
  heard = [];
  talk = null;
  isHeardAtOnce = true;
  session = new Session(
    {
      openSocket: (events) => {
        const opened = new FakeSocket(events);
        sockets.push(opened);
        return opened;
      },
      surroundings: { nowMs: () => time.nowMs, after: time.after, random: () => 0 },
      tokens: { current: async () => 'token', renew: async () => 'token' },
    },
    {
      onChange: () => undefined,
      onLink: () => undefined,
      onNotice: (text) => {
        if (text !== '') notices.push(text);
      },
      onLeft: (reason) => left.push(reason),
      onJoined: ({ media }) => ways.push(media?.kind),
    },
  );
  session.link.start();
  await settled();
});

function socket(): FakeSocket {
  const found = sockets.at(-1);
  if (found === undefined) throw new Error('no socket was opened');
  return found;
}

function ready(): void {
  socket().events.onOpen();
  const groups = [{ id: 'g', name: 'Team', role: 'member', talk: 'allowed' }];
  socket().say({ type: 'READY', user: ME, groups, tokenExpiresInMs: 600_000 });
}

function joined(more: object = {}): void {
  const { id } = socket().last('JOIN_GROUP');
  socket().say({
    type: 'GROUP_JOINED',
    re: id,
    groupId: 'g',
    epoch: 1,
    seq: 5,
    floor: IDLE,
    presence: [],
    presenceCount: 1,
    media: RELAY,
    recovered: false,
    missed: [],
    ...more,
  });
}

const voice: TalkVoice = {
  startTalk: ({ streamId }, ports) => {
    sounds.push(`record ${streamId}`);
    talk = ports;
    if (isHeardAtOnce) ports.onAir();
  },
  pauseTalk: () => {
    if (talk !== null) sounds.push('pause');
  },
  resumeTalk: ({ media }) => sounds.push(`resume by ${media.kind}`),
  stopTalk: () => {
    talk = null;
    sounds.push('stop');
  },
  receive: (bytes) => sounds.push(`${bytes.length} bytes`),
  follow: (floor) => heard.push(floor === null ? 'nobody' : floor.speaker.displayName),
  tone: (tone) => sounds.push(tone),
};

/** In the group of a server that carries sound over the WebSocket. */
function inGroup(): void {
  ready();
  session.enter('g', voice);
  joined({ media: { kind: 'none' } });
  joined();
}

function granted(talkId = 'talk', seq = 6): void {
  socket().say({
    type: 'TALK_GRANTED',
    re: socket().last('REQUEST_TALK').id,
    groupId: 'g',
    epoch: 1,
    seq,
    talkId,
    streamId: 77,
    maxTalkMs: 60_000,
    remainingMs: 20_000,
    media: RELAY,
  });
}

function talkingInGroup(): void {
  inGroup();
  session.press();
  granted();
}

/** Cuts the connection and waits until the next one is open. */
async function reconnect(): Promise<void> {
  socket().events.onClose(1006);
  await time.pass(300);
  socket().events.onOpen();
}

describe('a session', () => {
  it('knows the groups of its user', () => {
    expect([session.isKnown, session.groups]).toEqual([false, []]);
    ready();
    expect(session.groups).toMatchObject([{ name: 'Team' }]);
  });

  it('joins for a media server, asks for the floor with the queue, and stays so', async () => {
    ready();
    session.enter('g', voice);
    expect(socket().last('JOIN_GROUP')).not.toHaveProperty('audio');
    joined({ media: LIVEKIT });
    expect(ways).toEqual(['livekit']);
    session.press();
    expect(socket().last('REQUEST_TALK')).toMatchObject({ groupId: 'g', queue: true });
    await reconnect();
    expect(socket().last('JOIN_GROUP')).not.toHaveProperty('audio');
  });

  it('joins once more for sound over the WebSocket where there is no media server', () => {
    ready();
    session.enter('g', voice);
    joined({ media: { kind: 'none' } });
    expect(ways).toEqual([]);
    expect(socket().last('JOIN_GROUP')).toMatchObject({ groupId: 'g', audio: true });
    joined();
    expect(ways).toEqual(['relay']);
  });

  it('joins once more for sound over the WebSocket when the media server is out of reach, once', () => {
    ready();
    session.enter('g', voice);
    joined({ media: LIVEKIT });
    session.useRelay();
    expect(socket().last('JOIN_GROUP')).toMatchObject({ audio: true });
    const { id } = socket().last('JOIN_GROUP');
    session.useRelay();
    expect(socket().last('JOIN_GROUP').id).toBe(id);
  });

  it('takes a server without any sound as it is', () => {
    inGroup();
    joined({ media: { kind: 'none' } });
    expect(ways).toEqual(['relay', 'none']);
  });

  it('sounds the go-ahead only when the others can hear', () => {
    isHeardAtOnce = false;
    inGroup();
    session.press();
    granted();
    const ports = talk;
    expect([sounds, session.isOnAir]).toEqual([['record 77'], false]);
    ports?.onAir();
    expect([sounds, session.isOnAir]).toEqual([['record 77', 'go_ahead'], true]);
    session.letGo();
    expect(session.isOnAir).toBe(false);
    ports?.onAir();
    expect(sounds.filter((sound) => sound === 'go_ahead').length).toBe(1);
  });

  it('sounds the go-ahead, sends while it talks, and tells what is left', async () => {
    talkingInGroup();
    expect(sounds).toEqual(['record 77', 'go_ahead']);
    await time.pass(5_000);
    expect(session.talkLeftMs).toBe(15_000);
    talk?.send(new Uint8Array(20));
    expect(socket().audio.length).toBe(1);
    session.letGo();
    expect(sounds).toEqual(['record 77', 'go_ahead', 'stop']);
    expect(session.talkLeftMs).toBeNull();
  });

  it('hands what it hears on, and ends it', () => {
    inGroup();
    const talk = { groupId: 'g', epoch: 1, talkId: 'other', speaker: ANN };
    socket().say({ type: 'TALK_STARTED', ...talk, seq: 6, streamId: 9, emergency: false });
    expect(session.room?.talk).toMatchObject({ speaker: ANN });
    socket().events.onBytes(new Uint8Array(33));
    socket().say({ type: 'TALK_ENDED', ...talk, seq: 7, cause: 'lost', durationMs: 1 });
    expect(sounds).toEqual(['33 bytes']);
    expect(heard).toEqual(['Ann', 'nobody']);
    expect(notices).toEqual(['Ann has lost the connection.']);
  });

  it('comes back with what it knows and what is held, in one flight', async () => {
    talkingInGroup();
    await reconnect();
    expect(socket().sent).toMatchObject([
      { type: 'HELLO' },
      { type: 'JOIN_GROUP', since: { epoch: 1, seq: 6 }, audio: true },
      { type: 'REQUEST_TALK', queue: true },
    ]);
  });

  it('lets no sound out from the loss of the connection until the server has confirmed the talk on the new one', async () => {
    talkingInGroup();
    socket().events.onClose(1006);
    expect(sounds).toEqual(['record 77', 'go_ahead', 'pause']);
    await time.pass(300);
    ready();
    joined({ floor: { state: 'taken', talkId: 'talk', streamId: 77, speaker: ANN, mine: true } });
    expect(sounds).not.toContain('resume by relay');
    granted();
    expect(sounds.at(-1)).toBe('resume by relay');
    expect(sounds.filter((sound) => sound === 'go_ahead').length).toBe(1);
    expect(socket().types()).not.toContain('RELEASE_TALK');
  });

  it('begins a new talk where the old one was lost', async () => {
    talkingInGroup();
    await reconnect();
    ready();
    const missed = [
      { type: 'TALK_ENDED', groupId: 'g', epoch: 1, seq: 7, talkId: 'talk', speaker: ANN, cause: 'lost' },
    ];
    joined({ seq: 7, recovered: true, missed });
    granted('next', 8);
    expect(sounds.filter((sound) => sound !== 'pause')).toEqual([
      'record 77',
      'go_ahead',
      'stop',
      'record 77',
      'go_ahead',
    ]);
    expect(notices).toEqual([]);
  });

  it('gives a floor back that was let go while the connection was away', async () => {
    talkingInGroup();
    socket().events.onClose(1006);
    session.letGo();
    await time.pass(300);
    ready();
    joined({ floor: { state: 'taken', talkId: 'talk', streamId: 77, speaker: ANN, mine: true } });
    expect(socket().last('RELEASE_TALK')).toMatchObject({ talkId: 'talk' });
  });

  it('fetches what it has missed', () => {
    inGroup();
    const talk = { groupId: 'g', epoch: 1, talkId: 'other', speaker: ANN };
    socket().say({ type: 'TALK_STARTED', ...talk, seq: 9, streamId: 9, emergency: false });
    expect(socket().last('JOIN_GROUP')).toMatchObject({ since: { epoch: 1, seq: 5 } });
    joined({ seq: 9, floor: IDLE });
    expect(session.room).toMatchObject({ talk: null, position: { seq: 9 } });
  });

  it('learns the end of its own talk from what it has missed', () => {
    talkingInGroup();
    socket().say({ type: 'PRESENCE_CHANGED', groupId: 'g', epoch: 1, seq: 8, joined: [], left: [], presenceCount: 1 });
    const own = {
      type: 'TALK_ENDED',
      groupId: 'g',
      epoch: 1,
      seq: 7,
      talkId: 'talk',
      speaker: ANN,
      cause: 'preempted',
    };
    joined({ seq: 8, recovered: true, missed: [own] });
    expect(notices).toEqual(['Somebody with precedence has taken over.']);
    expect(sounds).toEqual(['record 77', 'go_ahead', 'stop', 'cut']);
  });

  it('says why a talk was refused or cut, with a tone', () => {
    inGroup();
    session.press();
    const { id } = socket().last('REQUEST_TALK');
    socket().say({ type: 'TALK_DENIED', re: id, groupId: 'g', cause: 'busy', holder: ANN });
    session.letGo();
    session.press();
    granted();
    socket().say({ type: 'TALK_REVOKED', groupId: 'g', talkId: 'talk', cause: 'revoked', retryAfterMs: 0 });
    expect(sounds).toEqual(['refused', 'record 77', 'go_ahead', 'stop', 'cut']);
    expect(notices).toEqual([
      'Ann is talking. Try again when they have finished.',
      'Your talk was ended by a manager.',
    ]);
  });

  it('says why a message was refused', () => {
    inGroup();
    session.press();
    const { id } = socket().last('REQUEST_TALK');
    socket().say({ type: 'ERROR', re: id, code: 'unavailable', message: '' });
    expect(notices).toEqual(['The server cannot do this right now. Try again in a moment.']);
    expect(session.key.kind).toBe('spent');
  });

  it('tries to join again when that was not possible for now', async () => {
    ready();
    session.enter('g', voice);
    const first = socket().last('JOIN_GROUP').id;
    socket().say({ type: 'ERROR', re: first, code: 'unavailable', message: '' });
    await time.pass(2_000);
    expect(socket().last('JOIN_GROUP').id).not.toBe(first);
  });

  it('is out of a group that it may not join, or is removed from', () => {
    inGroup();
    socket().say({ type: 'GROUP_REMOVED', groupId: 'g', cause: 'removed' });
    expect([session.room, left, session.groups]).toEqual([null, ['You were removed from Team.'], []]);
    ready();
    session.enter('g', voice);
    socket().say({ type: 'ERROR', re: socket().last('JOIN_GROUP').id, code: 'not_found', message: '' });
    expect(left.at(-1)).toBe('This group does not exist any more, or you are no longer in it.');
  });

  it('shows a group that it was just added to', () => {
    ready();
    const group = { name: 'New', description: '', settings: {} };
    socket().say({ type: 'GROUP_UPDATED', groupId: 'n', group, me: { role: 'member', talk: 'listen_only' } });
    expect(session.groups.at(-1)).toEqual({ id: 'n', name: 'New', role: 'member', talk: 'listen_only' });
  });

  it('closes the microphone and leaves when the person leaves', () => {
    talkingInGroup();
    session.leave();
    expect(sounds.at(-1)).toBe('stop');
    expect(socket().last('LEAVE_GROUP')).toMatchObject({ groupId: 'g' });
    expect(session.room).toBeNull();
  });

  it('keeps nothing of a person who is signed out', () => {
    inGroup();
    session.forget();
    expect([session.isKnown, session.groups, session.room]).toEqual([false, [], null]);
  });
});
