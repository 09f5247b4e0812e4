export { MemoryBus } from './memory.ts';
export type { Bus, Unsubscribe } from './port.ts';
export { RedisBus } from './redis.ts';
