import { afterAll, beforeAll, expect, test } from 'vitest';
import { effort } from '../_support/effort.ts';
import { until } from '../_support/until.ts';
import { tokens } from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';
import { type InProcessServer, startInProcess } from './in-process.ts';

/** A round is one talk; its packets stay below the limits of any second, so that only their form decides. */
const ROUNDS = effort({ short: 15, long: 400 });
const SEED = effort({ short: 20_261_121, long: Date.now() % 2 ** 31 });
const ACTIONS = 60;
const OPUS_OF_ROUND = 15_000;
const HEADER = 9;
/** The socket is closed with the last of them. */
const FAULTS_ALLOWED = 3;

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess({ environment: { LIVEKIT_HOST: '' } });
});
afterAll(() => server[Symbol.asyncDispose]());

/** mulberry32: the same numbers for the same seed, from 0 to below 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Somebody whose socket is opened again when his third fault has closed it. */
class Sender {
  client!: WsClient;
  faults = 0;
  readonly #username: string;
  readonly #groupId: string;

  constructor(username: string, groupId: string) {
    this.#username = username;
    this.#groupId = groupId;
  }

  async open(): Promise<void> {
    const { accessToken } = tokens.parse(await server.rest.login(this.#username));
    this.client = await WsClient.signIn(server.rest.origin, accessToken);
    await this.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: this.#groupId, audio: true });
    this.faults = 0;
  }

  /** Returns when everything sent was taken in: how the socket was closed, if it was, and what it was told. */
  async settle(): Promise<{ readonly closed: number | null; readonly errors: readonly (string | undefined)[] }> {
    const closed = this.faults >= FAULTS_ALLOWED ? (await this.client.closed()).code : null;
    if (closed === null) await this.client.settled();
    return { closed, errors: this.client.messages('ERROR').map(({ code }) => code) };
  }
}

test(
  `whatever bytes come, the packets of the talk pass and nothing else does (seed ${SEED})`,
  { timeout: 600_000 },
  async () => {
    const random = randomFrom(SEED);
    const below = (end: number): number => Math.floor(random() * end);
    const admin = await server.rest.login('admin');
    const alice = await server.rest.login('alice');
    const group = await server.rest.createGroup(admin.accessToken, { name: 'Fuzz', managerId: alice.user.id });
    for (const name of ['bob', 'carol']) {
      await server.rest.putMember(admin.accessToken, group.id, (await server.rest.login(name)).user.id);
    }
    const talker = new Sender('alice', group.id);
    const stranger = new Sender('bob', group.id);
    const listener = new Sender('carol', group.id);
    for (const each of [talker, stranger, listener]) await each.open();

    /** Bytes of any kind: a packet, one with something wrong, or noise. */
    function bytes(streamId: number): Buffer {
      const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));
      const kind = below(40);
      if (kind === 0) return noise(below(9) + 1);
      if (kind === 1) return noise(below(2_500));
      const packet = noise(HEADER + 1 + (kind === 2 ? below(1_400) : below(200)));
      packet[0] = kind === 3 ? below(256) : 1;
      packet.writeUInt32BE(kind === 4 ? below(2 ** 32) : streamId, 1);
      return packet;
    }

    let streamBefore = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const granted = await talker.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: group.id });
      const streamId = Number(granted['streamId']);
      const expected: Buffer[] = [];
      const heardBefore = listener.client.binary.length;
      let opus = 0;
      for (let action = 0; action < ACTIONS; action += 1) {
        const sender = below(3) === 0 ? stranger : talker;
        if (sender.faults >= FAULTS_ALLOWED) continue;
        const data = bytes(below(10) === 0 ? streamBefore : streamId);
        const isPacket = data.length > HEADER && data.length <= HEADER + 1_275 && data[0] === 1;
        const passes = isPacket && sender === talker && data.readUInt32BE(1) === streamId;
        if (passes && opus + data.length > OPUS_OF_ROUND) continue;
        if (passes) {
          opus += data.length;
          expected.push(data);
        }
        if (!isPacket) sender.faults += 1;
        sender.client.sendRaw(data);
      }
      const talkerFell = talker.faults >= FAULTS_ALLOWED;
      for (const each of [talker, stranger]) {
        const { faults } = each;
        const isOver = faults >= FAULTS_ALLOWED;
        expect(await each.settle(), `round ${round}`).toEqual({
          closed: isOver ? 4502 : null,
          errors: Array.from({ length: faults }, () => 'invalid_message'),
        });
        if (isOver) await each.open();
      }
      if (talkerFell) {
        // A new session: the old one's talk ends after its grace.
        await listener.client.waitFor(({ type, talkId }) => type === 'TALK_ENDED' && talkId === granted['talkId']);
      } else {
        await talker.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId: group.id });
      }
      await listener.client.settled();
      await until(() => listener.client.binary.length - heardBefore >= expected.length, {
        limitMs: 15_000,
        describe: () => `round ${round}: ${expected.length} packets come`,
      });
      const heard = listener.client.binary.slice(heardBefore).map(({ data }) => data.toString('hex'));
      expect(heard, `round ${round}`).toEqual(expected.map((packet) => packet.toString('hex')));
      streamBefore = streamId;
    }
    expect(talker.client.binary).toEqual([]);
    expect(server.log()).not.toContain('"level":50');
  },
);
