import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Pcm, readWav, writeWav } from '../../clients/headless/audio/wav.ts';
import { talkOnce } from '../../clients/headless/exchange.ts';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { Transcript } from '../../clients/headless/transcript.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { expectSilence, HeadlessPeople, type Person, talkOn } from './headless-people.ts';

const SPEECH = join(import.meta.dirname, '..', '..', 'clients', 'headless', 'speech', 'north-gate.wav');
/** Long enough for a late packet, short beside what LiveKit needs. */
const HEARD_LIMIT_MS = 400;

let database: TestDatabase;
let redis: TestRedis;
let here: Neda;
let there: Neda;
let sentence: Pcm;
const people = new HeadlessPeople();

beforeAll(async () => {
  [database, redis, sentence] = await Promise.all([createDatabase(), startRedis(), readFile(SPEECH).then(readWav)]);
  const env = { SECRET_KEY: 'a secret that all processes of the test share', LIVEKIT_HOST: '' };
  const options = { databaseUrl: database.url, redisUrl: redis.url, env };
  here = await startNeda(options);
  there = await startNeda(options);
});
afterAll(async () => {
  await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
  await Promise.all([database, redis].map((server) => server[Symbol.asyncDispose]()));
});
afterEach(() => people.leave());

async function enter(neda: Neda, username: string, disobedient = false): Promise<Person> {
  const person = await people.enter({ origin: neda.origin, username, sentence, disobedient });
  expect(person.client.media.kind).toBe('relay');
  return person;
}

describe('voice over the WebSocket', () => {
  test.each([
    ['the same process', () => here],
    ['another process', () => there],
  ])('a sentence is heard whole on %s, and silence follows the release', async (_where, listenersServer) => {
    const talker = await enter(here, 'alice');
    const listener = await enter(listenersServer(), 'bob');
    const { microphone } = talker;
    const outcome = await talkOnce({
      talker: talker.client,
      microphone,
      sentence,
      listener: listener.client,
      recording: listener.recording,
      transcript: new Transcript(),
      leastLikeness: 0.9,
    });
    expect(outcome.faults).toEqual([]);
    expect(outcome.heardAfterMs).toBeLessThan(HEARD_LIMIT_MS);
    expect(talker.recording.talkers().size).toBe(0);
    // What was heard can be kept as a file.
    const heard = listener.recording.between(0);
    expect(readWav(Buffer.from(writeWav(heard))).samples.length).toBe(heard.samples.length);
  });

  test('a talker who goes on after his release is not heard', async () => {
    using watch = new StandstillWatch();
    const talker = await enter(here, 'alice', true);
    const listener = await enter(there, 'bob');
    await talkOn(talker, listener);
    await expectSilence(talker, listener, await talker.client.release(), watch);
  });
});
