export { RedisHistorySource } from './history.ts';
export { type RaiseGeneration, StoreLives } from './life.ts';
export { RedisFloorStore, type StoreLife } from './store.ts';
export { createRedisBlocks } from './stream-blocks.ts';
