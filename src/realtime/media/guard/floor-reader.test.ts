import { expect, test } from 'vitest';
import { type Floor, freeFloor } from './desired-right.ts';
import { FloorReader, FloorUnknown } from './floor-reader.ts';

const talking: Floor = { talk: { talkId: 'talk', identity: 'u_1.2' }, reserved: null };

function setUp() {
  const scene = { nowMs: 0, isAway: false };
  const reader = new FloorReader({
    publishers: async () => {
      if (scene.isAway) throw new Error('away');
      return talking;
    },
    leaseMs: 6_000,
    nowMs: () => scene.nowMs,
  });
  return { scene, read: () => reader.read('group') };
}

test('the store says who has the floor', async () => {
  expect(await setUp().read()).toEqual(talking);
});

test('while it does not answer, that is unknown; after a lease nobody has the floor', async () => {
  const { scene, read } = setUp();
  scene.isAway = true;
  for (scene.nowMs = 0; scene.nowMs <= 6_000; scene.nowMs += 1_000) await expect(read()).rejects.toThrow(FloorUnknown);
  expect(await read()).toEqual(freeFloor);
  scene.isAway = false;
  expect(await read()).toEqual(talking);
  scene.isAway = true;
  await expect(read()).rejects.toThrow(FloorUnknown);
});

test('two short absences are not one long one', async () => {
  const { scene, read } = setUp();
  scene.isAway = true;
  await expect(read()).rejects.toThrow(FloorUnknown);
  scene.nowMs = 7_000;
  await expect(read()).rejects.toThrow(FloorUnknown);
});
