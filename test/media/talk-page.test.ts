import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { startBrowser, type TestBrowser } from '../_support/browser.ts';
import { heardSound, recordSound } from '../_support/heard-sound.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { enterGroup, signIn } from '../_support/talk-page.ts';
import { until } from '../_support/until.ts';

/** Real sound from page to page: what the microphone of one takes up comes out of the loudspeaker of the other. */

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

async function enter(username: string): Promise<{ page: Page; complaints: string[] }> {
  const person = await browser.newPage();
  await recordSound(person.page);
  await signIn(person.page, neda.origin, username);
  await enterGroup(person.page, 'Team');
  return person;
}

/** The microphone plays the sentence again and again: twice its length and some more holds it whole. */
function longEnoughMs(): number {
  return (2 * spoken.samples.length * 1_000) / spoken.sampleRateHz + 500;
}

/** Holds the space bar for so long, from the moment of the grant. */
async function talk(page: Page, durationMs: number): Promise<void> {
  await page.keyboard.down(' ');
  await page.getByRole('button', { name: 'Speak now' }).waitFor();
  await page.waitForTimeout(durationMs);
  await page.keyboard.up(' ');
}

test('two pages: one talks, and the other plays what was said', async () => {
  const [bob, alice] = [await enter('bob'), await enter('alice')];
  await talk(bob.page, longEnoughMs());
  await alice.page.getByText('Nobody is talking').waitFor();
  await alice.page.waitForTimeout(500);

  const heard = await heardSound(alice.page);
  const comparison = findSentence(heard, spoken);
  expect(comparison.likeness).toBeGreaterThan(SAME_SENTENCE);
  expect(Math.abs(comparison.levelDb)).toBeLessThan(12);
  expect(findSentence(heard, other).likeness).toBeLessThan(SAME_SENTENCE);
  expect([...bob.complaints, ...alice.complaints]).toEqual([]);

  const ownEcho = findSentence(await heardSound(bob.page), spoken);
  expect(ownEcho.likeness).toBeLessThan(SAME_SENTENCE);
});

test('who comes late hears the rest', async () => {
  const [bob, carol] = [await enter('bob'), await browser.newPage()];
  await recordSound(carol.page);
  await signIn(carol.page, neda.origin, 'carol');
  await bob.page.keyboard.down(' ');
  await bob.page.getByRole('button', { name: 'Speak now' }).waitFor();
  await enterGroup(carol.page, 'Team');
  await carol.page.getByText('Bob is talking').waitFor();
  await bob.page.waitForTimeout(longEnoughMs());
  await bob.page.keyboard.up(' ');
  await carol.page.getByText('Nobody is talking').waitFor();
  await carol.page.waitForTimeout(500);
  expect(findSentence(await heardSound(carol.page), spoken).likeness).toBeGreaterThan(SAME_SENTENCE);
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
  await until(async () => bob.page.evaluate<boolean>('opened.length === 2 && opened[1].readyState === 1'), {
    limitMs: 5_000,
    describe: () => 'the page connects again',
  });
  await bob.page.waitForTimeout(longEnoughMs());
  await bob.page.getByText('You are talking').waitFor();
  await bob.page.keyboard.up(' ');
  await alice.page.getByText('Nobody is talking').waitFor();
  await alice.page.waitForTimeout(500);
  expect(findSentence(await heardSound(alice.page), spoken).likeness).toBeGreaterThan(SAME_SENTENCE);
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
  await talk(bob.page, longEnoughMs());
  await page.getByText('Nobody is talking').waitFor();
  await page.waitForTimeout(500);
  expect(findSentence(await heardSound(page), spoken).likeness).toBeGreaterThan(SAME_SENTENCE);
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
