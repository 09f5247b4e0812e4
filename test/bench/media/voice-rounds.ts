/** Talks of real sound, by turns with NEDA and with LiveKit alone, by the same clients. */
import { setTimeout as pause } from 'node:timers/promises';
import { LivekitVoice } from '../../../clients/headless/voice/livekit-voice.ts';
import { until } from '../../_support/until.ts';
import { Ear, Whistle } from './ear.ts';
import type { Round } from './samples.ts';
import type { Side } from './side.ts';

const HEARD_LIMIT_MS = 10_000;
/** Long enough for the transport's own buffers to be empty, and for a codec to settle. */
const SETTLE_MS = 200;
/** Longer than a right that was withdrawn has ever been heard. */
const SILENCE_MS = 600;
const WHISTLES_PER_TALK = 3;

/** Each in milliseconds. */
export interface VoiceTimes {
  readonly firstSound: readonly number[];
  readonly mouthToEar: readonly number[];
  readonly lateEntry: readonly number[];
  readonly silence: readonly number[];
}

export type VoiceRounds = Readonly<Record<keyof VoiceTimes, Round[]>>;

/** Talks in turn on both sides, so often. The first talk of each warms up and is not counted. */
export async function voiceRounds(sides: readonly Side[], rounds: number): Promise<VoiceRounds> {
  await using started = new AsyncDisposableStack();
  const stages: Stage[] = [];
  for (const side of sides) {
    const stage = await Stage.open(side);
    started.defer(() => stage.close());
    stages.push(stage);
  }
  const measured: VoiceRounds = { firstSound: [], mouthToEar: [], lateEntry: [], silence: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const times = new Map<Side['name'], VoiceTimes>();
    for (const stage of round % 2 === 0 ? stages : stages.toReversed()) {
      times.set(stage.side.name, await stage.talk());
    }
    if (round === 0) continue;
    for (const kpi of ['firstSound', 'mouthToEar', 'lateEntry', 'silence'] as const) {
      measured[kpi].push({ neda: times.get('neda')?.[kpi] ?? [], bare: times.get('bare')?.[kpi] ?? [] });
    }
  }
  return measured;
}

/** One side with its talker and its listener in the room. */
class Stage {
  readonly side: Side;
  readonly #whistle = new Whistle();
  readonly #ear = new Ear();
  readonly #talker: LivekitVoice;
  readonly #listener: LivekitVoice;

  private constructor(side: Side) {
    this.side = side;
    this.#talker = LivekitVoice.join(side.talker, { microphone: this.#whistle, loudspeaker: new Ear() });
    this.#listener = LivekitVoice.join(side.listener, { microphone: new Whistle(), loudspeaker: this.#ear });
  }

  static async open(side: Side): Promise<Stage> {
    const stage = new Stage(side);
    await Promise.all([stage.#talker.joined, stage.#listener.joined]);
    return stage;
  }

  async talk(): Promise<VoiceTimes> {
    this.#ear.forget();
    void this.#whistle.blow();
    const pressedAtMs = performance.now();
    const grant = await this.side.give();
    await Promise.all([this.#talker.startTalk(grant), this.#heardAfter(pressedAtMs)]);
    const firstSound = (await this.#heardAfter(pressedAtMs)) - pressedAtMs;

    const mouthToEar: number[] = [];
    for (let time = 0; time < WHISTLES_PER_TALK; time += 1) {
      this.#whistle.hush();
      await pause(SETTLE_MS);
      const blownAtMs = await this.#whistle.blow();
      mouthToEar.push((await this.#heardAfter(blownAtMs)) - blownAtMs);
      await pause(SETTLE_MS);
    }

    const lateEntry = await this.#enterLate();

    const takenAtMs = performance.now();
    // The talker does not know yet, and goes on.
    await this.side.take();
    await pause(SILENCE_MS);
    const silence = Math.max(0, (this.#ear.last() ?? takenAtMs) - takenAtMs);
    this.#whistle.hush();
    await this.#talker.stopTalk();
    return { firstSound: [firstSound], mouthToEar, lateEntry: [lateEntry], silence: [silence] };
  }

  async close(): Promise<void> {
    await Promise.all([this.#talker.close(), this.#listener.close()]);
    await this.side.close();
  }

  async #enterLate(): Promise<number> {
    const ear = new Ear();
    const cameAtMs = performance.now();
    const voice = LivekitVoice.join(await this.side.comeLate(), { microphone: new Whistle(), loudspeaker: ear });
    try {
      return (await heardAfter(ear, cameAtMs)) - cameAtMs;
    } finally {
      await voice.close();
      await this.side.goAgain();
    }
  }

  #heardAfter(sinceMs: number): Promise<number> {
    return heardAfter(this.#ear, sinceMs);
  }
}

function heardAfter(ear: Ear, sinceMs: number): Promise<number> {
  return until(() => ear.firstAfter(sinceMs), { limitMs: HEARD_LIMIT_MS, describe: () => 'the whistle is heard' });
}
