/** Runs the rows: the same load on each server in turn, round after round, so that what disturbs one disturbs all. */
import postgres from 'postgres';
import { startPostgres } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import { describeMachine } from './machine.ts';
import { measureMemory } from './memory-rounds.ts';
import type { BenchOptions } from './options.ts';
import { type BenchResult, type Measured, type RowResult, rowResult } from './results.ts';
import type { Workload } from './rows.ts';
import { ServerFleet } from './server-fleet.ts';
import { measureLoad } from './load-rounds.ts';

/**
 * Starts the stores and servers, measures, and stops all it started, also when it fails.
 *
 * @param signal ends the run at its next step: it rejects with the signal's reason
 * @param tell gets a line of progress now and then
 */
export async function runBench(
  options: BenchOptions,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<BenchResult> {
  await using started = new AsyncDisposableStack();
  const redis = started.use(await startRedis());
  const database = options.twinOnly ? null : started.use(await startPostgres());
  const machine = describeMachine({
    redis: /redis_version:(\S+)/.exec(await redis.command('INFO server'))?.[1] ?? 'unknown',
    postgres: database === null ? null : await postgresVersion(database.url),
  });
  const fleet = started.use(new ServerFleet({ redisUrl: redis.url, databaseUrl: database?.url ?? null }));

  const rows: RowResult[] = [];
  const warnings: string[] = [];
  for (const workload of new Set(options.rows.map((row) => row.workload))) {
    const wanted = options.rows.filter((row) => row.workload === workload);
    tell(`measuring ${wanted.map((row) => row.name).join(', ')}`);
    const measured = await measure(workload, fleet, options, signal);
    rows.push(...wanted.map((row) => rowResult(row, measured.rounds)));
    warnings.push(...measured.warnings);
  }
  return { machine, short: options.short, rounds: options.rounds, rows, warnings };
}

async function measure(
  workload: Workload,
  fleet: ServerFleet,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<Measured> {
  if (workload.kind !== 'memory') return measureLoad(workload, await fleet.serversFor(workload), options, signal);
  const rounds = options.twinOnly ? {} : await measureMemory(workload, fleet, options, signal);
  return { rounds, warnings: [] };
}

async function postgresVersion(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql<{ server_version: string }[]>`SHOW server_version`;
    return row?.server_version ?? 'unknown';
  } finally {
    await sql.end({ timeout: 1 });
  }
}
