import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { startBrowser, type TestBrowser } from '../_support/browser.ts';
import { heardSound, recordSound } from '../_support/heard-sound.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { enterGroup, signIn } from '../_support/talk-page.ts';

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
  [spoken, other] = await Promise.all([SPOKEN, OTHER].map(async (file) => readWav(await readFile(file))));
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
