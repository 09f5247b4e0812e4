export { MemoryFloorStore } from './store.ts';
