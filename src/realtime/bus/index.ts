export { type AudioBus, noOtherProcesses } from './audio-port.ts';
export { MemoryBus } from './memory.ts';
export type { Bus, Unsubscribe } from './port.ts';
export { RedisAudioBus } from './redis-audio.ts';
export { RedisBus } from './redis.ts';
