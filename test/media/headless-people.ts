import { expect } from 'vitest';
import { Recording } from '../../clients/headless/audio/recording.ts';
import type { Pcm } from '../../clients/headless/audio/wav.ts';
import { HeadlessClient } from '../../clients/headless/client.ts';
import { SILENCE_LIMIT_MS } from '../../clients/headless/exchange.ts';
import type { StandstillWatch } from '../../clients/headless/standstill.ts';
import { until } from '../_support/until.ts';
import { CountingSource } from './counting-source.ts';

/** Somebody with a headless client, and what he hears. */
export interface Person {
  readonly client: HeadlessClient;
  readonly microphone: CountingSource;
  readonly recording: Recording;
}

export interface PersonOptions {
  readonly origin: string;
  readonly username: string;
  /** What he says. */
  readonly sentence: Pcm;
  /** Goes on sending when he has lost the floor. */
  readonly disobedient?: boolean;
}

/** Those who are in the group of the demo data during a test. */
export class HeadlessPeople {
  readonly #clients: HeadlessClient[] = [];

  async enter({ sentence, ...who }: PersonOptions): Promise<Person> {
    const [microphone, recording] = [new CountingSource(sentence), new Recording()];
    const client = await HeadlessClient.signIn({
      ...who,
      password: 'push-to-talk',
      microphone,
      loudspeaker: recording,
    });
    this.#clients.push(client);
    await client.join('Team');
    return { client, microphone, recording };
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }
}

/** Presses, speaks on and returns when the listener hears it. */
export async function talkOn(talker: Person, listener: Person) {
  const talk = await talker.client.press();
  void talker.microphone.speakOn();
  await talk.onAir;
  await until(() => listener.recording.firstAudibleAfter(talk.grantedAtMs), {
    limitMs: 15_000,
    describe: () => 'the talker is heard',
  });
  return talk;
}

/** The talker's microphone goes on; the listener must hear nothing later than the limit after `endedAtMs`. */
export async function expectSilence(
  talker: Person,
  listener: Person,
  endedAtMs: number,
  watch: StandstillWatch,
): Promise<void> {
  await talker.microphone.untilTaken(2 * SILENCE_LIMIT_MS);
  const lastAtMs = listener.recording.lastAudible() ?? Number.POSITIVE_INFINITY;
  expect(lastAtMs - watch.between(endedAtMs, lastAtMs)).toBeLessThan(endedAtMs + SILENCE_LIMIT_MS);
}
