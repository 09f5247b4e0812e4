/** Press in one talk page → heard in another, over the WebSocket, in a headless browser. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { SAMPLE_RATE_HZ } from '../../../clients/headless/audio/ports.ts';
import { writeWav } from '../../../clients/headless/audio/wav.ts';
import { startBrowser } from '../../_support/browser.ts';
import { enterGroup, signIn } from '../../_support/talk-page.ts';
import { makeTemporaryDirectory, removeDirectory } from '../../_support/temporary-directory.ts';
import { until } from '../../_support/until.ts';
import type { Round } from './samples.ts';

const HEARD_LIMIT_MS = 20_000;
const SILENCE_MS = 500;
const SYLLABLE_HZ = 10;
const NOISE_PEAK = 12_000;

/**
 * Runs in a page before its own script. It notes when the key was pressed, and when something audible reached the
 * loudspeaker: last, and first since that was forgotten. By the machine's clock, as the two are different pages.
 */
const WATCH = `
  const now = () => performance.timeOrigin + performance.now();
  globalThis.watch = { pressedAtMs: 0, firstAtMs: null, lastAtMs: 0, silentMs: () => now() - watch.lastAtMs };
  addEventListener('keydown', (event) => { if (!event.repeat) watch.pressedAtMs = now(); }, true);
  const connect = AudioNode.prototype.connect;
  const taps = new WeakMap();
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) connect.call(this, tapOf(this.context));
    return connect.call(this, target, ...more);
  };
  function tapOf(context) {
    const known = taps.get(context);
    if (known !== undefined) return known;
    const tap = context.createScriptProcessor(256, 1, 1);
    taps.set(context, tap);
    tap.onaudioprocess = ({ inputBuffer }) => {
      if (!inputBuffer.getChannelData(0).some((sample) => Math.abs(sample) > 0.005)) return;
      watch.lastAtMs = now();
      watch.firstAtMs ??= watch.lastAtMs;
    };
    connect.call(tap, context.destination);
    return tap;
  }
`;

/** Presses so often. The first press warms up and is not counted. */
export async function pageRounds(origin: string, presses: number): Promise<Round[]> {
  await using started = new AsyncDisposableStack();
  const directory = await makeTemporaryDirectory('bench-pages');
  started.defer(() => removeDirectory(directory));
  const microphoneWav = join(directory, 'murmur.wav');
  await writeFile(microphoneWav, writeWav({ sampleRateHz: SAMPLE_RATE_HZ, samples: murmur(10 * SAMPLE_RATE_HZ) }));
  const browser = started.use(await startBrowser({ microphoneWav }));
  const enter = async (username: string): Promise<Page> => {
    const { page } = await browser.newPage();
    await page.addInitScript(WATCH);
    await signIn(page, origin, username);
    await enterGroup(page, 'Team');
    return page;
  };
  const [talker, listener] = [await enter('bob'), await enter('alice')];

  const rounds: Round[] = [];
  for (let press = 0; press <= presses; press += 1) {
    await until(() => listener.evaluate<boolean>(`watch.silentMs() > ${SILENCE_MS}`), {
      limitMs: HEARD_LIMIT_MS,
      describe: () => 'the talk before has ended in silence',
    });
    await listener.evaluate('watch.firstAtMs = null');
    await talker.keyboard.down(' ');
    const heardAtMs = await until(() => listener.evaluate<number | null>('watch.firstAtMs'), {
      limitMs: HEARD_LIMIT_MS,
      describe: () => 'the other page is heard',
    });
    const pressedAtMs = await talker.evaluate<number>('watch.pressedAtMs');
    await talker.keyboard.up(' ');
    await listener.getByText('Nobody is talking').waitFor();
    if (press > 0) rounds.push({ neda: [heardAtMs - pressedAtMs], bare: [] });
  }
  return rounds;
}

/** Noise in syllables without a pause: a tone would be taken for noise, and speech has silences. */
function murmur(count: number): Int16Array {
  let seed = 1;
  return Int16Array.from({ length: count }, (_, index) => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    const loudness = 0.6 + 0.4 * Math.sin((2 * Math.PI * SYLLABLE_HZ * index) / SAMPLE_RATE_HZ);
    return NOISE_PEAK * loudness * ((2 * seed) / 0x7fff_ffff - 1);
  });
}
