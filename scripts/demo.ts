/** Two people talk over a running server, and what they hear is checked. Run by `npm run demo`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Recording } from '../clients/headless/audio/recording.ts';
import { SpeechSource } from '../clients/headless/audio/speech-source.ts';
import { type Pcm, readWav } from '../clients/headless/audio/wav.ts';
import { HeadlessClient, TalkDenied } from '../clients/headless/client.ts';
import { talkOnce } from '../clients/headless/exchange.ts';
import { Transcript } from '../clients/headless/transcript.ts';
import { disposeVoices } from '../clients/headless/voice/open-voice.ts';
import { findServer, type FoundServer, startServer } from './demo-server.ts';

const USAGE = `Usage: npm run demo [-- [--own] [URL]]

  URL    address of a running server (default http://127.0.0.1:8000; when none answers there, one is started)
  --own  start a server for the demo even when one is running

DEMO_PASSWORD is the password of the demo users alice and bob when it is not the default.`;

const DEFAULT_URL = 'http://127.0.0.1:8000';
const GROUP = 'Team';
const SPEECH = join(import.meta.dirname, '..', 'clients', 'headless', 'speech');

/** One of the two people, with what he says and what he heard. */
interface Person {
  readonly client: HeadlessClient;
  readonly microphone: SpeechSource;
  readonly sentence: Pcm;
  readonly recording: Recording;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { own: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help || positionals.length > 1) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  await using server = await chooseServer(positionals[0], values.own);
  if (server === null) return 2;
  console.log(`Two headless clients in the group ${GROUP} of the server at ${server.origin} (${server.how}).\n`);
  const faults = await run(server.origin);
  for (const fault of faults) console.error(`\nFAULT: ${fault}`);
  console.log(
    faults.length === 0 ? '\nBoth were heard, and fell silent when they let the key go.' : '\nThe demo failed.',
  );
  return faults.length === 0 ? 0 : 1;
}

async function chooseServer(url: string | undefined, own: boolean): Promise<FoundServer | null> {
  if (own) return startServer();
  const found = await findServer(url ?? DEFAULT_URL);
  if (found !== null) return found;
  if (url === undefined) return startServer();
  console.error(`No NEDA server answers at ${url}.`);
  return null;
}

/** Returns what went wrong. */
async function run(origin: string): Promise<readonly string[]> {
  const transcript = new Transcript((line) => console.log(line));
  const people: Person[] = [];
  try {
    const alice = await enter(origin, 'alice', 'north-gate.wav', transcript);
    people.push(alice);
    const bob = await enter(origin, 'bob', 'old-bridge.wav', transcript);
    people.push(bob);

    const first = await talk(alice, bob, transcript);
    const answer = await talk(bob, alice, transcript);
    const refusal = await pressBoth(alice, bob);
    return [...first, ...answer, ...refusal];
  } finally {
    await Promise.all(people.map(({ client }) => client.close()));
  }
}

async function enter(origin: string, username: string, file: string, transcript: Transcript): Promise<Person> {
  const sentence = readWav(await readFile(join(SPEECH, file)));
  const microphone = new SpeechSource(sentence);
  const recording = new Recording();
  const password = process.env['DEMO_PASSWORD'] ?? 'push-to-talk';
  const client = await HeadlessClient.signIn({
    origin,
    username,
    password,
    microphone,
    loudspeaker: recording,
    transcript,
  });
  await client.join(GROUP);
  return { client, microphone, sentence, recording };
}

async function talk(talker: Person, listener: Person, transcript: Transcript): Promise<readonly string[]> {
  const { microphone, sentence } = talker;
  const { recording } = listener;
  const outcome = await talkOnce({
    talker: talker.client,
    microphone,
    sentence,
    listener: listener.client,
    recording,
    transcript,
  });
  return outcome.faults;
}

/** While the one holds the floor the other is refused. */
async function pressBoth(first: Person, second: Person): Promise<readonly string[]> {
  const held = await first.client.press();
  try {
    await second.client.press();
    return [`${first.client.name} and ${second.client.name} were both given the floor`];
  } catch (error) {
    if (!(error instanceof TalkDenied)) throw error;
    return [];
  } finally {
    await held.onAir;
    await first.client.release();
  }
}

// The media library writes its debug log to the terminal otherwise; it reads this when it is loaded.
process.env['NODE_ENV'] ??= 'production';
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
await disposeVoices();
