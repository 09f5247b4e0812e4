import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type DrivenClient, type FloorClientObserver, MessageKind } from './floor-client.ts';
import { VoiceStreams } from './voice-streams.ts';

const STREAM_ID = 77;
const DELAYS_MS = [4, 10] as const;

/** A client whose server is this file: it grants, and forwards packets to the listeners in time. */
class FakeClient implements DrivenClient {
  observer: FloorClientObserver = { received: () => undefined, failed: () => undefined };
  readonly parsedCount = 0;
  readonly listeners: FakeClient[] = [];
  readonly sent: { readonly atMs: number; readonly number: number }[] = [];
  /** Packets that are not forwarded. */
  readonly losing = new Set<number>();
  text = '';

  requestTalk(): void {
    this.text = `{"type":"TALK_GRANTED","streamId":${STREAM_ID}}`;
    setTimeout(() => this.observer.received(this, MessageKind.granted), 1);
  }

  releaseTalk(): void {
    setTimeout(() => this.observer.received(this, MessageKind.released), 1);
  }

  send(packet: Buffer): void {
    const number = packet.readUInt32BE(5);
    this.sent.push({ atMs: performance.now(), number });
    if (this.losing.has(number)) return;
    // As in a read buffer: the packet stands somewhere in it.
    const buffer = Buffer.concat([Buffer.alloc(3), packet]);
    for (const [index, listener] of this.listeners.entries()) {
      setTimeout(() => listener.observer.packet?.(buffer, 3, buffer.length), DELAYS_MS[index]);
    }
  }
}

function group(): { talker: FakeClient; listeners: FakeClient[] } {
  const talker = new FakeClient();
  talker.listeners.push(...DELAYS_MS.map(() => new FakeClient()));
  return { talker, listeners: talker.listeners };
}

async function measure(groups: ReturnType<typeof group>[], packets: number) {
  const streams = new VoiceStreams(groups, (packet) => packet);
  const measuring = (async () => {
    await streams.press();
    const segment = await streams.stream({ packets, everyMs: 20 });
    await streams.release();
    return segment;
  })();
  measuring.catch(() => undefined);
  await vi.runAllTimersAsync();
  return measuring;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('packets go out at their pace, talkers not in the same moment', async () => {
  const groups = [group(), group()];
  await measure(groups, 3);
  const [first, second] = groups.map(({ talker }) => talker.sent);
  expect(first).toEqual([1, 21, 41].map((atMs, number) => ({ atMs, number })));
  expect(second).toEqual([11, 31, 51].map((atMs, number) => ({ atMs, number })));
});

test('the delay of each delivery counts, from the write to the read', async () => {
  const segment = await measure([group(), group()], 5);
  expect(segment).toMatchObject({ deliveries: 20, lost: 0 });
  expect(segment.latencyP50Us).toBeCloseTo(4_000);
  expect(segment.latencyP99Us).toBeCloseTo(10_000);
});

test('what does not come is lost, once for each listener', async () => {
  const groups = [group()];
  groups[0]?.talker.losing.add(1);
  await expect(measure(groups, 4)).resolves.toMatchObject({ deliveries: 6, lost: 2 });
});

test('a stretch follows another in the same talk with numbers that go on', async () => {
  const { talker, listeners } = group();
  const streams = new VoiceStreams([{ talker, listeners }], (packet) => packet);
  const measuring = (async () => {
    await streams.press();
    await streams.stream({ packets: 2, everyMs: 20 });
    return streams.stream({ packets: 2, everyMs: 20 });
  })();
  await vi.runAllTimersAsync();
  await expect(measuring).resolves.toMatchObject({ deliveries: 4, lost: 0 });
  expect(talker.sent.map(({ number }) => number)).toEqual([0, 1, 2, 3]);
});

test('nothing at all is a failure', async () => {
  const groups = [group()];
  groups[0]?.talker.losing.add(0);
  await expect(measure(groups, 1)).rejects.toThrow('no packet came');
});

test('a connection that fails ends the measuring with its reason', async () => {
  const { talker, listeners } = group();
  const streams = new VoiceStreams([{ talker, listeners }], (packet) => packet);
  const pressing = streams.press();
  listeners[0]?.observer.failed(talker, 'the server closed, code 4002');
  await expect(pressing).rejects.toThrow('4002');
});
