export { MemoryFloorStore, type MemoryFloorStoreOptions } from './store.ts';
