import { numbersOf, sendPacket } from '../../_support/audio.ts';
import { caughtUp } from '../../_support/awake.ts';
import { until } from '../../_support/until.ts';
import type { WsClient } from '../../_support/ws-client.ts';
import { newGroup, TalkScene } from '../talk/scene.ts';

/** People who hear each other over their sockets. */
export class AudioScene extends TalkScene {
  /** Alice and Bob here, Carol there, all with audio in a new group. */
  async trio(settings: Readonly<Record<string, unknown>> = {}) {
    const groupId = await newGroup(this.here, settings);
    const alice = await this.person(this.here, 'alice');
    const bob = await this.person(this.here, 'bob');
    const carol = await this.person(this.there, 'carol');
    for (const { client } of [alice, bob, carol]) await joinWithAudio(client, groupId);
    return { groupId, alice, bob, carol };
  }
}

export async function joinWithAudio(client: WsClient, groupId: string) {
  return client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, audio: true });
}

/** Presses the button; returns the stream of the grant, when servers take what comes for what is said now. */
export async function press(client: WsClient, groupId: string, fields = {}): Promise<number> {
  const granted = await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, ...fields });
  await caughtUp();
  return Number(granted['streamId']);
}

export async function letGo(client: WsClient, groupId: string): Promise<void> {
  await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
}

export async function untilHeard(client: WsClient, streamId: number, number: number): Promise<void> {
  await until(() => numbersOf(client, streamId).includes(number), {
    limitMs: 15_000,
    describe: () => `packet ${number} of ${streamId} comes; ${client.binary.length} came. ${client.describe()}`,
  });
}

/** Lets somebody say one thing, and returns when these have heard it: what was sent before has come, or never will. */
export async function sayMarker(talker: WsClient, listeners: readonly WsClient[], groupId: string): Promise<void> {
  const streamId = await press(talker, groupId);
  sendPacket(talker, streamId, 0);
  for (const listener of listeners) await untilHeard(listener, streamId, 0);
  await letGo(talker, groupId);
}

/** Resolves when it is that long ago. */
export async function since(startedAtMs: number, ms: number): Promise<void> {
  await until(() => performance.now() - startedAtMs >= ms, { limitMs: ms + 60_000, describe: () => 'time passes' });
}
