// redis-only-in-its-adapters
import { Redis } from 'ioredis';

export const service = Redis;
