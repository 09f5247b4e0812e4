/** Press → the right is confirmed and the grant is there, in closed loops. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LivekitMedia } from '../../../clients/headless/messages.ts';
import { LivekitVoice } from '../../../clients/headless/voice/livekit-voice.ts';
import type { TestLivekit } from '../../_support/livekit.ts';
import { until } from '../../_support/until.ts';
import { percentile } from '../statistics.ts';
import { Ear, Whistle } from './ear.ts';
import type { Round } from './samples.ts';
import { BareControl, livekitOf, Member } from './side.ts';

const WITHDRAWN_LIMIT_MS = 5_000;
const QUIET_MS = 20;
const BARE_ROOM = 'bare.access';
const BARE_IDENTITY = 'talker';

export interface AccessPlan {
  readonly rounds: number;
  readonly pressesPerRound: number;
}

/** Where NEDA runs with LiveKit, and where with media off. */
export interface Origins {
  readonly withMedia: string;
  readonly withoutMedia: string;
}

/**
 * NEDA's access times, and beside them what the parts cost: a press with media off and one bare `updateParticipant`,
 * the middle of the one added to each of the other.
 */
export async function accessRounds(livekit: TestLivekit, origins: Origins, plan: AccessPlan): Promise<Round[]> {
  await using started = new AsyncDisposableStack();
  const [talker, silent] = [
    await Member.signIn(origins.withMedia, 'bob'),
    await Member.signIn(origins.withoutMedia, 'bob'),
  ];
  started.defer(() => talker.signalling.close());
  started.defer(() => silent.signalling.close());
  const control = new BareControl(livekit);
  const media = livekitOf(await talker.join());
  await silent.join();
  for (const seat of [media, await control.media(BARE_ROOM, BARE_IDENTITY)]) {
    const voice = LivekitVoice.join(seat, { microphone: new Whistle(), loudspeaker: new Ear() });
    started.defer(() => voice.close());
    await voice.joined;
  }
  await talker.press();
  const isConfirmed = await control.maySpeak(media.room, media.identity);
  await talker.release();
  await untilWithdrawn(control, media);
  if (!isConfirmed) throw new Error('the floor was granted without the right to speak');

  const rounds: Round[] = [];
  // The first round warms up and is not counted.
  for (let round = 0; round <= plan.rounds; round += 1) {
    const timesMs = { neda: new Array<number>(), silent: new Array<number>(), bare: new Array<number>() };
    for (let press = 0; press < plan.pressesPerRound; press += 1) {
      timesMs.neda.push(await timed(() => talker.press()));
      await talker.release();
      await untilWithdrawn(control, media);
      timesMs.silent.push(await timed(() => silent.press()));
      await silent.release();
      timesMs.bare.push(await timed(() => control.setSpeaking(BARE_ROOM, BARE_IDENTITY, true)));
      await control.setSpeaking(BARE_ROOM, BARE_IDENTITY, false);
    }
    const callMs = percentile(timesMs.bare, 0.5);
    if (round > 0) rounds.push({ neda: timesMs.neda, bare: timesMs.silent.map((ms) => ms + callMs) });
  }
  return rounds;
}

/** The release is answered before the right is gone, and a press in that moment would wait for it. */
async function untilWithdrawn(control: BareControl, { room, identity }: LivekitMedia): Promise<void> {
  await until(async () => !(await control.maySpeak(room, identity)), {
    limitMs: WITHDRAWN_LIMIT_MS,
    describe: () => 'the right to speak is withdrawn',
  });
}

/** Begins in a quiet moment: nothing of what was done before is left to do. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  await pause(QUIET_MS);
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
