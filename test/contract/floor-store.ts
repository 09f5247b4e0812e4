import { afterEach, beforeEach, describe } from 'vitest';
import { describeEnding } from './floor-store/ending.ts';
import { describeLeases } from './floor-store/leases.ts';
import { describeLimits } from './floor-store/limits.ts';
import { describePresence } from './floor-store/presence.ts';
import { describeQueue } from './floor-store/queue.ts';
import { describeRecords } from './floor-store/records.ts';
import { describeTaking } from './floor-store/taking.ts';
import { describeTwoSteps } from './floor-store/two-steps.ts';
import { Scene, type StoreHarness } from './floor-store/scene.ts';

/** What every live store must do (floor.md), whichever adapter stands behind the port. */
export function describeFloorStore(name: string, createHarness: () => Promise<StoreHarness>, processes: 1 | 2): void {
  describe(`floor store: ${name}`, () => {
    const scene = new Scene(createHarness, processes);
    beforeEach(() => scene.open());
    afterEach(() => scene.close());

    describeTaking(scene);
    describeTwoSteps(scene);
    describeLimits(scene);
    describeLeases(scene);
    describeEnding(scene);
    describeQueue(scene);
    describePresence(scene);
    describeRecords(scene);
  });
}
