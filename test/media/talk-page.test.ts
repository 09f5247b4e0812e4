import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { startBrowser, type TestBrowser } from '../_support/browser.ts';
import { heardSound, playedMs, recordSound, untilHeard } from '../_support/heard-sound.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { enterGroup, letGo, press, signIn } from '../_support/talk-page.ts';
import { until } from '../_support/until.ts';

/** Real sound from page to page: what the microphone of one takes up comes out of the loudspeaker of the other. */

// A sentence that is said until it is heard takes a while on a busy machine.
vi.setConfig({ testTimeout: 150_000 });

const SPEECH = join(import.meta.dirname, '../../clients/headless/speech');
const SPOKEN = join(SPEECH, 'north-gate.wav');
const OTHER = join(SPEECH, 'old-bridge.wav');

let database: TestDatabase;
let neda: Neda;
let browser: TestBrowser;
let spoken: Pcm;
let other: Pcm;

beforeAll(async () => {
  spoken = readWav(await readFile(SPOKEN));
  other = readWav(await readFile(OTHER));
  database = await createDatabase();
  [neda, browser] = await Promise.all([
    startNeda({ databaseUrl: database.url }),
    startBrowser({ microphoneWav: SPOKEN }),
  ]);
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await neda[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

afterEach(async () => {
  await Promise.all(browser.browser.contexts().map((context) => context.close()));
});

async function enter(username: string): Promise<{ page: Page; complaints: string[]; fetched: string[] }> {
  const person = await browser.newPage();
  const fetched: string[] = [];
  person.page.on('request', (request) => fetched.push(new URL(request.url()).pathname));
  await recordSound(person.page);
  await signIn(person.page, neda.origin, username);
  await enterGroup(person.page, 'Team');
  return { ...person, fetched };
}

test('two pages: one talks, and the other plays what was said', async () => {
  const [bob, alice] = [await enter('bob'), await enter('alice')];
  await press(bob.page);
  await untilHeard(alice.page, spoken);
  await letGo(bob.page);

  const heard = await heardSound(alice.page);
  expect(Math.abs(findSentence(heard, spoken).levelDb)).toBeLessThan(12);
  expect(findSentence(heard, other).likeness).toBeLessThan(SAME_SENTENCE);
  expect([...bob.complaints, ...alice.complaints]).toEqual([]);
  // What only a server with LiveKit needs stands in a file that the document does not name.
  const files = alice.fetched.filter((path) => path.startsWith('/talk/'));
  const document = await (await fetch(`${neda.origin}/talk`)).text();
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect(document).toContain(file);

  const ownEcho = findSentence(await heardSound(bob.page), spoken);
  expect(ownEcho.likeness).toBeLessThan(SAME_SENTENCE);
});

test('who comes late hears the rest', async () => {
  const [bob, carol] = [await enter('bob'), await browser.newPage()];
  await recordSound(carol.page);
  await signIn(carol.page, neda.origin, 'carol');
  await press(bob.page);
  await enterGroup(carol.page, 'Team');
  await carol.page.getByText('Bob is talking').waitFor();
  await untilHeard(carol.page, spoken);
  await letGo(bob.page);
});

test('a talk goes on after its connection was cut, and is heard on', async () => {
  const bob = await browser.newPage();
  await bob.page.addInitScript(
    'const Real = WebSocket; globalThis.opened = []; globalThis.WebSocket = class extends Real { constructor(...given) { super(...given); opened.push(this); } }',
  );
  await signIn(bob.page, neda.origin, 'bob');
  await enterGroup(bob.page, 'Team');
  const alice = await enter('alice');
  await bob.page.keyboard.down(' ');
  await alice.page.getByText('Bob is talking').waitFor();
  await bob.page.evaluate('opened.at(-1).close()');
  await until(async () => bob.page.evaluate<boolean>('opened.length > 1 && opened.at(-1).readyState === 1'), {
    limitMs: 15_000,
    describe: () => 'the page connects again',
  });
  await untilHeard(alice.page, spoken, { sinceMs: await playedMs(alice.page) });
  await bob.page.getByText('You are talking').waitFor();
  await letGo(bob.page);
});

test('without a microphone one is told so, listens, and keeps the floor from nobody', async () => {
  await using deaf = await startBrowser({ refusesMicrophone: true });
  const { page } = await deaf.newPage();
  await recordSound(page);
  await signIn(page, neda.origin, 'carol');
  await enterGroup(page, 'Team');
  await page.getByRole('alert').filter({ hasText: 'does not let this page use the microphone' }).waitFor();
  await page.getByRole('button', { name: 'Try the microphone again' }).waitFor();
  await page.keyboard.down(' ');
  await page.keyboard.up(' ');
  const bob = await enter('bob');
  await press(bob.page);
  await untilHeard(page, spoken);
  await letGo(bob.page);
});

test('a browser that cannot encode is told so and still shows who talks', async () => {
  const { page } = await browser.newPage();
  await page.addInitScript('delete globalThis.AudioEncoder; delete globalThis.AudioDecoder;');
  await signIn(page, neda.origin, 'carol');
  await enterGroup(page, 'Team');
  await page.getByRole('alert').filter({ hasText: 'This browser cannot record' }).waitFor();
  await page.getByText('This browser cannot play').waitFor();
  const bob = await enter('bob');
  await bob.page.keyboard.down(' ');
  await page.getByText('Bob is talking').waitFor();
  await bob.page.keyboard.up(' ');
  await page.getByText('Nobody is talking').waitFor();
});

test('who presses before the microphone is open talks as soon as it is, if it is still wanted', async () => {
  const { page } = await browser.newPage();
  await page.addInitScript(`
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    const allowed = new Promise((resolve) => { globalThis.allowMicrophone = resolve; });
    devices.getUserMedia = (constraints) => allowed.then(() => open(constraints));
  `);
  await signIn(page, neda.origin, 'carol');
  await enterGroup(page, 'Team');
  await page.keyboard.down(' ');
  await page.keyboard.up(' ');
  await page.keyboard.down(' ');
  expect(await page.getByText('You are talking').count()).toBe(0);
  await page.evaluate('allowMicrophone()');
  await page.getByText('You are talking').waitFor();
  await page.keyboard.up(' ');
  await page.getByText('Nobody is talking').waitFor();
});
