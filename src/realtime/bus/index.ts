export { MemoryBus } from './memory.ts';
export type { Bus, BusHandler, Unsubscribe } from './port.ts';
export { RedisBus } from './redis.ts';
