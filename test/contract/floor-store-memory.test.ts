import { MemoryBus } from '../../src/realtime/bus/index.ts';
import { slotOf } from '../../src/realtime/floor/index.ts';
import { MemoryFloorStore } from '../../src/realtime/floor-memory/index.ts';
import { describeFloorStore, testTimings } from './floor-store.ts';

describeFloorStore(
  'in-process',
  async () => {
    const bus = new MemoryBus();
    const store = new MemoryFloorStore({
      publish: (groupId, payload) => bus.publishGroup(groupId, payload),
      generation: 1,
      timings: testTimings,
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
  },
  1,
);
