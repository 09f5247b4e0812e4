export { RedisHistorySource } from './history.ts';
export { meetStore, type RaiseGeneration } from './life.ts';
export { RedisFloorStore, type StoreLife } from './store.ts';
export { createRedisBlocks } from './stream-blocks.ts';
