import type { Fault } from '../world/run.ts';
import * as clients from './clients.ts';
import * as postgres from './postgres.ts';
import * as processes from './processes.ts';
import * as redis from './redis.ts';
import * as rights from './rights.ts';

export const faults: readonly Fault[] = [clients, processes, redis, postgres, rights].flatMap((module) =>
  Object.values<Fault>(module),
);
