import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryBus } from './bus/index.ts';
import { Everywhere } from './everywhere.ts';

let bus: MemoryBus;

beforeEach(() => {
  vi.useFakeTimers();
  bus = new MemoryBus();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A process; `takeIn` lets its next catching up end. */
async function processOf(processId: string) {
  const waiting: (() => void)[] = [];
  const errors: string[] = [];
  const everywhere = new Everywhere({
    bus,
    processId,
    catchUp: () => new Promise((resolve) => waiting.push(resolve)),
    onError: (_error, step) => errors.push(step),
  });
  await everywhere.start();
  return {
    everywhere,
    errors,
    takeIn: async () => {
      for (const resolve of waiting.splice(0)) resolve();
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}

async function reaching(everywhere: Everywhere) {
  const state = { isOver: false };
  void everywhere.reached().then(() => (state.isOver = true));
  await vi.advanceTimersByTimeAsync(0);
  return state;
}

it('waits until every process has taken in what is committed', async () => {
  const [one, two, three] = [await processOf('one'), await processOf('two'), await processOf('three')];
  const state = await reaching(one.everywhere);
  for (const each of [two, one]) {
    await each.takeIn();
    expect(state.isOver).toBe(false);
  }
  await three.takeIn();
  expect(state.isOver).toBe(true);
});

it('takes the answers to one question for no others', async () => {
  const [one, two] = [await processOf('one'), await processOf('two')];
  const first = await reaching(one.everywhere);
  await bus.publishProcesses('1 done two 1');
  await bus.publishProcesses('1 done one 2');
  await bus.publishProcesses('2 done one 1');
  await one.takeIn();
  expect(first.isOver).toBe(false);
  await two.takeIn();
  expect(first.isOver).toBe(true);
});

it('waits a second for a process that does not answer, and no longer', async () => {
  const one = await processOf('one');
  await processOf('frozen');
  const state = await reaching(one.everywhere);
  await one.takeIn();
  await vi.advanceTimersByTimeAsync(990);
  expect(state.isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(10);
  expect(state.isOver).toBe(true);
});

it('goes on when the bus is away', async () => {
  const one = await processOf('one');
  bus.publishProcesses = () => Promise.reject(new Error('away'));
  const state = await reaching(one.everywhere);
  await one.takeIn();
  expect(state.isOver).toBe(true);
  expect(one.errors).toEqual(['reach all processes']);
});

it('keeps nobody waiting when it stops', async () => {
  const one = await processOf('one');
  await processOf('frozen');
  const state = await reaching(one.everywhere);
  await one.takeIn();
  one.everywhere.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect(state.isOver).toBe(true);
});
