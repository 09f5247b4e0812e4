import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { startBrowser, type TestBrowser, type TestPage } from '../_support/browser.ts';
import { heardSound, playedMs, recordSound, untilHeard } from '../_support/heard-sound.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { enterGroup, letGo, press, signIn } from '../_support/talk-page.ts';
import { until } from '../_support/until.ts';
import { HeadlessPeople, type Person } from './headless-people.ts';
import { lookUp, publishersOf, removeEverybody } from './room-client.ts';

/** Real sound by WebRTC between pages and headless clients, through a real media server. */

// A sentence that is said until it is heard takes a while on a busy machine.
vi.setConfig({ testTimeout: 150_000 });

const SPEECH = join(import.meta.dirname, '../../clients/headless/speech');
/** Measured: 5 to 60 ms. Long, as the listener hears with the ears of a busy machine. */
const SILENCE_LIMIT_MS = 1_000;

let database: TestDatabase;
let livekit: TestLivekit;
let neda: Neda;
let browser: TestBrowser;
/** What the microphones of the pages play. */
let spoken: Pcm;
/** What headless clients say. */
let other: Pcm;
const people = new HeadlessPeople();
const opened: TestPage[] = [];

beforeAll(async () => {
  spoken = readWav(await readFile(join(SPEECH, 'north-gate.wav')));
  other = readWav(await readFile(join(SPEECH, 'old-bridge.wav')));
  [database, livekit] = await Promise.all([createDatabase(), startLivekit()]);
  [neda, browser] = await Promise.all([
    startNeda({ databaseUrl: database.url, livekit: livekit.env }),
    startBrowser({ microphoneWav: join(SPEECH, 'north-gate.wav') }),
  ]);
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await neda[Symbol.asyncDispose]();
  await livekit[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

afterEach(async () => {
  await people.leave();
  await Promise.all(opened.splice(0).map(({ page }) => page.context().close()));
});

async function newPage(): Promise<TestPage> {
  const person = await browser.newPage();
  opened.push(person);
  await recordSound(person.page);
  await person.page.addInitScript(WATCH);
  return person;
}

async function enter(username: string): Promise<TestPage> {
  const person = await newPage();
  await signIn(person.page, neda.origin, username);
  await enterGroup(person.page, 'Team');
  await untilConnected(person.page);
  return person;
}

/** Notes when signals of the media server came, and when tones were sounded. */
const WATCH = `
  globalThis.signals = [];
  globalThis.tones = [];
  const RealSocket = WebSocket;
  globalThis.WebSocket = class extends RealSocket {
    constructor(...given) {
      super(...given);
      if (!this.url.includes('/rtc')) return;
      this.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) signals.push({ atMs: performance.now(), field: fieldOf(new Uint8Array(data)) });
      });
    }
  };
  // The number of the one field of a SignalResponse.
  function fieldOf([first, second]) { return ((first & 0x7f) | (first & 0x80 ? second << 7 : 0)) >> 3; }
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...given) {
    tones.push({ atMs: performance.now(), frequencyHz: this.frequency.value });
    return start.apply(this, given);
  };
`;
const JOIN = 1;
const TRACK_SUBSCRIBED = 23;

const signal = z.object({ atMs: z.number(), field: z.number() });
const tone = z.object({ atMs: z.number(), frequencyHz: z.number() });

async function signalsOf(page: Page, field: number) {
  const signals = z.array(signal).parse(await page.evaluate('signals'));
  return signals.filter((one) => one.field === field);
}

async function untilConnected(page: Page, times = 1): Promise<void> {
  await until(async () => (await signalsOf(page, JOIN)).length >= times, {
    limitMs: 60_000,
    describe: () => `the page is in the room of the media server, time ${times}`,
  });
}

async function enterHeadless(username: string): Promise<Person> {
  const person = await people.enter({ origin: neda.origin, username, sentence: other });
  const { media } = person.client;
  if (media.kind !== 'livekit') throw new Error(`the server has media of kind ${media.kind}`);
  await until(async () => (await lookUp(livekit, media.room, media.identity)) !== undefined, {
    limitMs: 10_000,
    describe: () => 'the headless client is in the room of the media server',
  });
  return person;
}

test('a page is heard by a headless listener and by another page, and is silent when it lets go', async () => {
  const [bob, alice, carol] = [await enter('bob'), await enter('alice'), await enterHeadless('carol')];
  const fromMs = performance.now();
  await press(bob.page);
  await untilHeard(alice.page, spoken);
  await until(() => findSentence(carol.recording.between(fromMs), spoken).likeness > SAME_SENTENCE, {
    limitMs: 30_000,
    everyMs: 500,
    describe: () => 'the headless listener hears the page',
  });
  await letGo(bob.page);
  using watch = new StandstillWatch();
  const releasedAtMs = performance.now();
  await bob.page.waitForTimeout(2 * SILENCE_LIMIT_MS);

  const lastAtMs = carol.recording.lastAudible() ?? Number.POSITIVE_INFINITY;
  expect(lastAtMs - watch.between(releasedAtMs, lastAtMs)).toBeLessThan(releasedAtMs + SILENCE_LIMIT_MS);
  expect(carol.recording.talkers().size).toBe(1);
  expect(findSentence(await heardSound(alice.page), other).likeness).toBeLessThan(SAME_SENTENCE);
  expect(findSentence(await heardSound(bob.page), spoken).likeness).toBeLessThan(SAME_SENTENCE);
  expect([...bob.complaints, ...alice.complaints]).toEqual([]);
});

test('a page that comes late hears a headless talker on, and has no barrier that axe knows of', async () => {
  const carol = await enterHeadless('carol');
  const talk = await carol.client.press();
  await talk.onAir;
  const alice = await enter('alice');
  await alice.page.getByText('Carol is talking').waitFor();
  await untilHeard(alice.page, other, {
    speak: async () => {
      await carol.microphone.speak();
      await alice.page.waitForTimeout(500);
    },
  });
  expect(await barriers(alice.page)).toEqual([]);
  await carol.client.release();
  await alice.page.getByText('Nobody is talking').waitFor();
  expect(alice.complaints).toEqual([]);
});

test('the go-ahead is sounded when somebody can hear, and the page says so at the same time', async () => {
  await enterHeadless('carol');
  const bob = await enter('bob');
  await bob.page.keyboard.down(' ');
  await bob.page.getByText('You are talking').waitFor();
  await bob.page.getByRole('button', { name: 'Speak now' }).waitFor();
  const [subscribed] = await signalsOf(bob.page, TRACK_SUBSCRIBED);
  const [first] = z.array(tone).parse(await bob.page.evaluate('tones'));
  expect(subscribed?.atMs).toBeGreaterThan(0);
  expect(first?.atMs).toBeGreaterThanOrEqual(subscribed?.atMs ?? Number.POSITIVE_INFINITY);
  await letGo(bob.page);
});

test('a page alone in its group gets the go-ahead as well, also after the media server has thrown it out', async () => {
  const { page } = await enter('bob');
  await press(page);
  await letGo(page);
  await removeEverybody(livekit);
  await untilConnected(page, 2);
  await press(page);
  await letGo(page);
});

test('a page comes back by itself when the media server was restarted, silent until it has the floor', async () => {
  const [bob, alice] = [await enter('bob'), await enter('alice')];
  await press(bob.page);
  await livekit.kill();
  await bob.page.keyboard.up(' ');
  await livekit.start();
  for (const { page } of [bob, alice]) {
    await untilConnected(page, 2);
    await page.getByText('The sound is interrupted').waitFor({ state: 'detached', timeout: 60_000 });
  }
  expect(await publishersOf(livekit)).toEqual([]);
  await until(() => pressedAndGranted(bob.page), { limitMs: 30_000, describe: () => 'the floor is given again' });
  await untilHeard(alice.page, spoken, { sinceMs: await playedMs(alice.page) });
  await letGo(bob.page);
});

test('where WebRTC does not connect, the sound takes the WebSocket, and the page says so', async () => {
  const [bob, alice] = await Promise.all([enterBlocked('bob'), enterBlocked('alice')]);
  await press(bob.page);
  await untilHeard(alice.page, spoken);
  await letGo(bob.page);
});

test('the page may connect to the media server of the configuration, and to nothing else', async () => {
  const { headers } = await fetch(`${neda.origin}/talk`);
  const policy = headers.get('content-security-policy') ?? '';
  const [, sources = ''] = /connect-src ([^;]*)/.exec(policy) ?? [];
  expect(sources.split(' ')).toEqual([
    "'self'",
    `ws://127.0.0.1:${neda.port}`,
    `ws://localhost:${neda.port}`,
    livekit.publicUrl,
    livekit.host,
  ]);
});

async function enterBlocked(username: string): Promise<TestPage> {
  const person = await newPage();
  await person.page.addInitScript(BLOCKED);
  await signIn(person.page, neda.origin, username);
  await enterGroup(person.page, 'Team');
  const note = person.page.getByRole('status').filter({ hasText: 'WebRTC cannot connect from here' });
  await note.waitFor({ timeout: 60_000 });
  return person;
}

/** No candidate but of a TURN server, of which there is none: as a network that lets no WebRTC through. */
const BLOCKED = `
  const Real = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
    }
    setConfiguration(configuration) {
      super.setConfiguration({ ...configuration, iceTransportPolicy: 'relay' });
    }
  };
`;

const violations = z.array(z.looseObject({ id: z.string() }));

async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
  const found = violations.parse(await page.evaluate('axe.run().then(({ violations }) => violations)'));
  return found.map(({ id }) => id);
}

/** Presses, and lets go again when the floor was refused: the server may not have found its media server again yet. */
async function pressedAndGranted(page: Page): Promise<boolean> {
  await page.keyboard.down(' ');
  const label = page.locator('#hold-label');
  await label.filter({ hasText: /Speak now|Let go/ }).waitFor();
  if ((await label.textContent()) === 'Speak now') return true;
  await page.keyboard.up(' ');
  return false;
}
