import { setImmediate as endOfTick } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GroupLanes } from './group-lanes.ts';

function setUp() {
  const started: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const lanes = new GroupLanes<string>((work) => {
    started.push(work);
    if (work.startsWith('quick')) return;
    const gate = Promise.withResolvers<void>();
    gates.set(work, gate);
    return gate.promise;
  });
  const finish = async (work: string): Promise<void> => {
    gates.get(work)?.resolve();
    await endOfTick();
  };
  return { started, lanes, finish };
}

it('starts the work of a lane in order, each when the one before has settled', async () => {
  const { started, lanes, finish } = setUp();
  for (const work of ['slow 1', 'quick 2', 'slow 3', 'quick 4']) lanes.add('a', work);
  expect(started).toEqual(['slow 1']);
  expect(lanes.waiting).toBe(3);
  await finish('slow 1');
  expect(started).toEqual(['slow 1', 'quick 2', 'slow 3']);
  await finish('slow 3');
  expect(started).toEqual(['slow 1', 'quick 2', 'slow 3', 'quick 4']);
  expect(lanes.waiting).toBe(0);
  lanes.add('a', 'quick 5');
  expect(started).toHaveLength(5);
});

it('runs lanes side by side', () => {
  const { started, lanes } = setUp();
  lanes.add('a', 'slow a');
  lanes.add('b', 'slow b');
  lanes.add('c', 'quick c');
  expect(started).toEqual(['slow a', 'slow b', 'quick c']);
});

it('drops what waits, and can be used again', async () => {
  const { started, lanes, finish } = setUp();
  lanes.add('a', 'slow 1');
  lanes.add('a', 'slow 2');
  lanes.clear();
  expect(lanes.waiting).toBe(0);
  await finish('slow 1');
  expect(started).toEqual(['slow 1']);
  lanes.add('a', 'quick 3');
  expect(started).toEqual(['slow 1', 'quick 3']);
});
