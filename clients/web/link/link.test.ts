import { beforeEach, describe, expect, it } from 'vitest';
import { Link, type LinkState } from './link.ts';
import { SignInNeeded } from './ports.ts';
import { FakeSocket, FakeTime, settled } from './test-doubles.ts';

let time: FakeTime;
let sockets: FakeSocket[];
let states: LinkState[];
let isTalking: boolean;
let renewed: number;
let tokenFault: Error | null;
let heard: string[];
let link: Link;

beforeEach(async () => {
  time = new FakeTime();
  sockets = [];
  states = [];
  heard = [];
  isTalking = false;
  renewed = 0;
  tokenFault = null;
  const token = async (isFresh: boolean): Promise<string> => {
    if (tokenFault !== null) throw tokenFault;
    if (isFresh) renewed += 1;
    return `token ${renewed}`;
  };
  link = new Link({
    openSocket: (events) => {
      const socket = new FakeSocket(events);
      sockets.push(socket);
      return socket;
    },
    surroundings: { nowMs: () => time.nowMs, after: time.after, random: () => 1 },
    tokens: { current: () => token(false), renew: () => token(true) },
    greeting: (send) => send({ type: 'JOIN_GROUP', groupId: 'g' }),
    isTalking: () => isTalking,
    onState: (state) => states.push(state),
    onMessage: ({ type }) => heard.push(type),
    onAudio: (bytes) => heard.push(`${bytes.length} bytes`),
  });
  link.start();
  await settled();
});

function socket(index = -1): FakeSocket {
  const found = sockets.at(index);
  if (found === undefined) throw new Error('no socket was opened');
  return found;
}

describe('the link', () => {
  it('says HELLO with its token and what the group needs in one flight, before READY', () => {
    socket().events.onOpen();
    expect(socket().sent).toMatchObject([
      { type: 'HELLO', token: 'token 0' },
      { type: 'JOIN_GROUP', groupId: 'g' },
    ]);
    expect(new Set(socket().sent.map(({ id }) => id)).size).toBe(2);
    expect(link.state.kind).toBe('connecting');
    socket().say({ type: 'READY', tokenExpiresInMs: 600_000 });
    expect(link.state.kind).toBe('ready');
  });

  it('sends nothing while it is not ready', () => {
    socket().events.onOpen();
    expect(link.send({ type: 'PING' })).toBeNull();
    expect(link.sendAudio(new Uint8Array(1))).toBe(false);
    expect(socket().audio).toEqual([]);
  });

  it('hands on what comes, and passes over what it does not know', () => {
    socket().welcome();
    socket().say({ type: 'SOMETHING_NEW' });
    socket().events.onText('no JSON');
    socket().events.onBytes(new Uint8Array(3));
    expect(heard).toEqual(['READY', '3 bytes']);
  });

  it('drops sound when the network does not take it', () => {
    socket().welcome();
    expect(link.sendAudio(new Uint8Array(1))).toBe(true);
    socket().bufferedBytes = 4_097;
    expect(link.sendAudio(new Uint8Array(1))).toBe(false);
    expect(socket().audio.length).toBe(1);
  });

  it('comes back within 300 ms while talking', async () => {
    socket().welcome();
    isTalking = true;
    socket().events.onClose(1006);
    expect(link.state.kind).toBe('waiting');
    await time.pass(300);
    expect(sockets.length).toBe(2);
  });

  it('waits longer and longer, and starts anew after it was ready', async () => {
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      socket().events.onClose(1006);
      const last = states.at(-1);
      if (last?.kind !== 'waiting') throw new Error(`it is ${last?.kind}`);
      waits.push(last.delayMs);
      await time.pass(last.delayMs);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000]);
    socket().welcome();
    socket().events.onClose(1006);
    expect(states.at(-1)).toEqual({ kind: 'waiting', delayMs: 500 });
  });

  it('tries at once when the network is back', async () => {
    socket().events.onClose(1006);
    link.hurry();
    await settled();
    expect(sockets.length).toBe(2);
    await time.pass(500);
    expect(sockets.length).toBe(2);
  });

  it('gives a server that does not answer up', async () => {
    socket().events.onOpen();
    await time.pass(8_000);
    expect(socket(0).isClosed).toBe(true);
    expect(link.state.kind).toBe('waiting');
  });

  it('does not hear sockets that it has left', async () => {
    socket().welcome();
    socket().events.onClose(1006);
    await time.pass(500);
    socket().welcome();
    socket(0).events.onClose(4503);
    socket(0).say({ type: 'PONG' });
    expect(link.state.kind).toBe('ready');
    expect(heard).toEqual(['READY', 'READY']);
  });

  it('renews the token in time, on the same socket', async () => {
    socket().welcome(10_000);
    await time.pass(5_000);
    expect(socket().sent.at(-1)).toMatchObject({ type: 'AUTHENTICATE', token: 'token 1' });
    socket().say({ type: 'AUTHENTICATED', tokenExpiresInMs: 10_000 });
    await time.pass(5_000);
    expect(socket().sent.at(-1)).toMatchObject({ type: 'AUTHENTICATE', token: 'token 2' });
    expect(sockets.length).toBe(1);
  });

  it('tries again when the token could not be renewed', async () => {
    socket().welcome(60_000);
    tokenFault = new Error('no network');
    await time.pass(30_000);
    tokenFault = null;
    await time.pass(5_000);
    expect(socket().types()).toContain('AUTHENTICATE');
  });

  it.each([4001, 4500])('takes a fresh token after %d', async (code) => {
    socket().welcome();
    socket().events.onClose(code);
    await time.pass(500);
    socket().events.onOpen();
    expect(socket().sent[0]).toMatchObject({ type: 'HELLO', token: 'token 1' });
  });

  it.each([4503, 4504])('asks for a sign-in after %d', async (code) => {
    socket().events.onClose(code);
    await time.pass(60_000);
    expect(states.at(-1)).toEqual({ kind: 'signed_out', code });
    expect(sockets.length).toBe(1);
  });

  it('asks for a sign-in when there is no token to be had', async () => {
    socket().events.onClose(1006);
    tokenFault = new SignInNeeded();
    await time.pass(500);
    expect(states.at(-1)).toEqual({ kind: 'signed_out', code: null });
  });

  it('tries later when the token cannot be fetched for now', async () => {
    socket().events.onClose(1006);
    tokenFault = new Error('no network');
    await time.pass(500);
    expect(states.at(-1)).toEqual({ kind: 'waiting', delayMs: 1_000 });
  });

  it.each([4505, 4506, 4507])('stops after %d, until it is started again', async (code) => {
    socket().events.onClose(code);
    await time.pass(60_000);
    expect(states.at(-1)).toEqual({ kind: 'stopped', code });
    expect(sockets.length).toBe(1);
    link.start();
    await settled();
    expect(sockets.length).toBe(2);
  });

  it('asks a silent server for a sign of life, and leaves a dead one', async () => {
    socket().welcome();
    await time.pass(120_000);
    expect(
      socket()
        .types()
        .filter((type) => type === 'PING').length,
    ).toBeGreaterThan(5);
    expect(sockets.length).toBe(1);
    socket().answersPings = false;
    await time.pass(21_000);
    expect(socket(0).isClosed).toBe(true);
    expect(states.map(({ kind }) => kind)).toContain('waiting');
  });

  it('notices a dead network within five seconds while talking', async () => {
    socket().welcome();
    isTalking = true;
    socket().answersPings = false;
    await time.pass(5_500);
    expect(sockets.length).toBe(2);
  });

  it('is off after stop, whatever was under way', async () => {
    socket().events.onClose(1006);
    link.stop();
    await time.pass(60_000);
    expect(sockets.length).toBe(1);
    expect(link.state.kind).toBe('off');
  });
});
