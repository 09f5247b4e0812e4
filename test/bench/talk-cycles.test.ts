import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type DrivenClient, type FloorClientObserver, MessageKind } from './floor-client.ts';
import { measureTalks } from './talk-cycles.ts';

const GRANTED_AFTER_MS = 10;
const HEARD_AFTER_MS = [4, 30, 20] as const;
const ENDED_AFTER_MS = 5;

/** A client whose server is this file: a press and a release reach `floor`, which lets everybody receive in time. */
class FakeClient implements DrivenClient {
  observer: FloorClientObserver = { received: () => undefined, failed: () => undefined };
  readonly parsedCount = 0;
  readonly text = '';
  readonly #floor: FakeFloor;

  constructor(floor: FakeFloor) {
    this.#floor = floor;
  }

  requestTalk(): void {
    this.#floor.press();
  }

  releaseTalk(): void {
    this.#floor.release();
  }

  send(): void {}

  receiveIn(ms: number, kind: MessageKind): void {
    setTimeout(() => this.observer.received(this, kind), ms);
  }
}

class FakeFloor {
  readonly log: string[] = [];
  readonly talker = new FakeClient(this);
  readonly listeners = HEARD_AFTER_MS.map(() => new FakeClient(this));

  press(): void {
    this.log.push(`press at ${performance.now()}`);
    this.talker.receiveIn(GRANTED_AFTER_MS, MessageKind.granted);
    for (const [index, afterMs] of HEARD_AFTER_MS.entries()) {
      this.listeners[index]?.receiveIn(afterMs, MessageKind.started);
    }
  }

  release(): void {
    this.log.push(`release at ${performance.now()}`);
    this.talker.receiveIn(1, MessageKind.released);
    for (const listener of this.listeners) listener.receiveIn(ENDED_AFTER_MS, MessageKind.ended);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a talk ends when all have heard its end, and only then the next is pressed', async () => {
  const floor = new FakeFloor();
  const measuring = measureTalks([floor], { kind: 'talks', until: 'granted', talksPerGroup: 2 });
  await vi.runAllTimersAsync();
  await expect(measuring).resolves.toMatchObject({ talks: 2, deliveries: 12, elapsedMs: 70 });
  expect(floor.log).toEqual(['press at 0', 'release at 30', 'press at 35', 'release at 65']);
});

test.each([
  ['granted', GRANTED_AFTER_MS],
  ['delivered', Math.max(...HEARD_AFTER_MS)],
] as const)('the latency runs until %s', async (until, latencyMs) => {
  const measuring = measureTalks([new FakeFloor(), new FakeFloor()], { kind: 'talks', until, talksPerGroup: 3 });
  await vi.runAllTimersAsync();
  const segment = await measuring;
  expect(segment.talks).toBe(6);
  expect(segment.latencyP50Us).toBeCloseTo(latencyMs * 1000);
  expect(segment.latencyP99Us).toBeCloseTo(latencyMs * 1000);
});

test('a client that fails ends the measuring with its reason', async () => {
  const floor = new FakeFloor();
  const measuring = measureTalks([floor], { kind: 'talks', until: 'granted', talksPerGroup: 1 });
  floor.listeners[1]?.observer.failed(floor.talker, 'the server closed, code 4002');
  await expect(measuring).rejects.toThrow('4002');
});
