import { setTimeout as pause } from 'node:timers/promises';
import { type Comparison, findSentence, SAME_SENTENCE } from './audio/comparison.ts';
import type { Recording } from './audio/recording.ts';
import type { SpeechSource } from './audio/speech-source.ts';
import type { Pcm } from './audio/wav.ts';
import type { HeadlessClient } from './client.ts';
import { StandstillWatch } from './standstill.ts';
import { milliseconds, type Transcript } from './transcript.ts';

/** The talker is louder or softer at the listener's by no more than this. */
const LEVEL_LIMIT_DB = 6;
/** Sound is listened to for so long after the release, and must have ended within the limit. */
const LISTEN_ON_MS = 1_000;
export const SILENCE_LIMIT_MS = 400;
const HEARD_LIMIT_MS = 10_000;
const POLL_MS = 5;
/** So often the sentence is said until it was heard whole. */
const MOST_TIMES = 5;

/** Two people in one group; the one talks and the other listens. */
export interface Exchange {
  readonly talker: HeadlessClient;
  readonly microphone: SpeechSource;
  readonly sentence: Pcm;
  readonly listener: HeadlessClient;
  readonly recording: Recording;
  readonly transcript: Transcript;
  /** From here on the sentence counts as heard; left out: it is this sentence and no other. */
  readonly leastLikeness?: number;
}

/** What one talk came to. Times in milliseconds. */
export interface Outcome {
  /** From the press of the key to the grant. */
  readonly grantedAfterMs: number;
  /** From the grant to the first sound at the listener's. */
  readonly heardAfterMs: number;
  readonly comparison: Comparison;
  /** From the release to the last sound at the listener's; 0 when it had ended before. */
  readonly silentAfterMs: number;
  /** What is not as it should be; empty when all is well. */
  readonly faults: readonly string[];
}

/**
 * The talker presses, says his sentence until it was heard, and lets the key go in the middle of saying it again; the listener's sound is
 * checked to hold the sentence and to end with the release. Throws when the floor is not granted or nothing is heard.
 */
export async function talkOnce(exchange: Exchange): Promise<Outcome> {
  const { talker, microphone, sentence, listener, recording, transcript } = exchange;
  using watch = new StandstillWatch();
  const talk = await talker.press();
  await talk.onAir;
  const onAirAtMs = performance.now();
  transcript.note(talker.name, `is on air ${milliseconds(onAirAtMs - talk.grantedAtMs)} after the grant, and speaks`);

  const spoken = microphone.speakOn();
  const heardAtMs = await untilHeard(recording, talk.grantedAtMs);
  transcript.note(
    listener.name,
    `hears a voice ${milliseconds(heardAtMs - talk.grantedAtMs)} after the grant`,
    heardAtMs,
  );
  await spoken;
  const leastLikeness = exchange.leastLikeness ?? SAME_SENTENCE;
  let comparison: Comparison;
  let timesSaid = 0;
  do {
    timesSaid += 1;
    if (timesSaid > 1) await pause(sentenceMs(sentence));
    // Into the next time of the sentence, so that the release cuts a voice off and not a pause.
    await pause(LISTEN_ON_MS / 2);
    comparison = findSentence(recording.between(onAirAtMs), sentence);
    // A machine that stands still breaks a sentence: it is said again.
  } while (comparison.likeness < leastLikeness && timesSaid < MOST_TIMES);

  const releasedAtMs = await talker.release();
  await pause(LISTEN_ON_MS);
  microphone.hush();
  const lastAtMs = recording.lastAudible() ?? releasedAtMs;
  // What came while nobody could listen is heard late.
  const silentAfterMs = Math.max(0, lastAtMs - releasedAtMs - watch.between(releasedAtMs, lastAtMs));
  const { likeness, levelDb } = comparison;
  transcript.note(listener.name, `heard the sentence: likeness ${likeness.toFixed(2)}, ${levelDb.toFixed(1)} dB`);
  transcript.note(listener.name, `was in silence ${milliseconds(silentAfterMs)} after the release`);

  const faults: string[] = [];
  if (likeness < leastLikeness) faults.push(`what ${listener.name} heard is not the sentence: ${likeness.toFixed(2)}`);
  if (Math.abs(levelDb) > LEVEL_LIMIT_DB) faults.push(`the loudness changed by ${levelDb.toFixed(1)} dB`);
  if (silentAfterMs > SILENCE_LIMIT_MS)
    faults.push(`${listener.name} still heard a voice ${milliseconds(silentAfterMs)} after the release`);
  return {
    grantedAfterMs: talk.grantedAtMs - talk.pressedAtMs,
    heardAfterMs: heardAtMs - talk.grantedAtMs - watch.between(talk.grantedAtMs, heardAtMs),
    comparison,
    silentAfterMs,
    faults,
  };
}

function sentenceMs({ samples, sampleRateHz }: Pcm): number {
  return (samples.length / sampleRateHz) * 1_000;
}

async function untilHeard(recording: Recording, sinceMs: number): Promise<number> {
  for (;;) {
    const heardAtMs = recording.firstAudibleAfter(sinceMs);
    if (heardAtMs !== undefined) return heardAtMs;
    if (performance.now() - sinceMs > HEARD_LIMIT_MS) throw new Error(`nothing was heard within ${HEARD_LIMIT_MS} ms`);
    await pause(POLL_MS);
  }
}
