import { MemoryBus } from '../../../src/realtime/bus/index.ts';
import { slotOf } from '../../../src/realtime/floor/index.ts';
import { MemoryFloorStore } from '../../../src/realtime/floor-memory/index.ts';
import { type StoreHarness, testTimings } from './scene.ts';

/** The only process there is. */
export function memoryHarness(): StoreHarness {
  const bus = new MemoryBus();
  let passedMs = 0;
  const now = (): number => Math.floor(performance.timeOrigin + performance.now()) + passedMs;
  const store = new MemoryFloorStore({
    publish: (groupId, payload) => bus.publishGroup(groupId, payload),
    generation: 1,
    timings: testTimings,
    now,
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
    slot: async (groupId) => slotOf(store.stateOf(groupId), now()),
    presence: async (groupId) => [...store.stateOf(groupId).people.keys()],
    history: store.history,
    timings: testTimings,
    async pass(ms) {
      passedMs += ms;
    },
    close: () => store.close(),
  };
}
