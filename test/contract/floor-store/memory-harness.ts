import { MemoryBus } from '../../../src/realtime/bus/index.ts';
import { type FloorTimings, slotOf } from '../../../src/realtime/floor/index.ts';
import { MemoryFloorStore } from '../../../src/realtime/floor-memory/index.ts';
import { type StoreHarness, testTimings } from './scene.ts';

/** The only process there is. */
export function memoryHarness(timings: FloorTimings = testTimings): StoreHarness {
  const bus = new MemoryBus();
  const store = new MemoryFloorStore({
    publish: (groupId, payload) => bus.publishGroup(groupId, payload),
    generation: 1,
    timings,
  });
  return {
    async open() {
      return {
        store,
        async watch(groupId) {
          const payloads: string[] = [];
          await bus.subscribeGroup(groupId, { onMessage: (payload) => payloads.push(payload), onGap() {} });
          return payloads;
        },
      };
    },
    slot: async (groupId) => slotOf(store.stateOf(groupId), performance.timeOrigin + performance.now()),
    presence: async (groupId) => [...store.stateOf(groupId).people.keys()],
    history: store.history,
    close: () => store.close(),
  };
}
