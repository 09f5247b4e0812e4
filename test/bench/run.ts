/** Runs the rows: the same load on each server in turn, round after round, so that what disturbs one disturbs all. */
import postgres from 'postgres';
import { startPostgres } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { startBareServer } from './bare-server.ts';
import type { BenchServer } from './bench-server.ts';
import { type Generator, startGenerator } from './generator-process.ts';
import { describeMachine } from './machine.ts';
import { startNedaServer } from './neda-server.ts';
import type { BenchOptions } from './options.ts';
import { processCpuUs } from './process-cpu.ts';
import { type BenchResult, type MeasuredSegments, type RowResult, rowResult } from './results.ts';
import type { Segment, Workload, WorkloadSize } from './rows.ts';

/** A JavaScript engine reaches its full speed, p99 above all, within a few thousand talks. */
const FULL_WARM_UP_ROUNDS = 3;
const IDLE_WINDOW_MS = 100;
const IDLE_CPU_US = 10_000;
const IDLE_LIMIT_MS = 10_000;
/** Above this share of parsed messages the generator's own work shows in the figures. */
const PARSED_SHARE_LIMIT = 0.02;

type ServerName = keyof MeasuredSegments;
type Servers = ReadonlyMap<ServerName, BenchServer>;

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

  const servers = new Map<ServerName, BenchServer>();
  const add = async (name: ServerName, starting: Promise<BenchServer>): Promise<void> => {
    const server = await starting;
    started.defer(() => server.stop());
    servers.set(name, server);
  };
  if (database !== null) await add('neda', startNedaServer({ databaseUrl: database.url, redisUrl: redis.url }));
  await add('bare', startBareServer(redis.url));
  await add('twin', startBareServer(redis.url));

  const rows: RowResult[] = [];
  const warnings: string[] = [];
  for (const workload of new Set(options.rows.map((row) => row.workload))) {
    const wanted = options.rows.filter((row) => row.workload === workload);
    tell(`measuring ${wanted.map((row) => row.name).join(', ')}`);
    const segments = await measureWorkload(workload, servers, options, signal);
    rows.push(...wanted.map((row) => rowResult(row, segments)));
    warnings.push(...warningsAbout(segments));
  }
  return { machine, short: options.short, rounds: options.rounds, rows, warnings };
}

async function measureWorkload(
  workload: Workload,
  servers: Servers,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<MeasuredSegments> {
  const size = options.short ? workload.short : workload.full;
  await using started = new AsyncDisposableStack();
  const targets: Target[] = [];
  for (const [name, server] of servers) {
    signal.throwIfAborted();
    const groups = await server.seatGroups(size.groups, 1 + size.listenersPerGroup);
    const generator = await startGenerator(server.host, server.port, groups);
    started.defer(() => generator.stop());
    targets.push({ name, server, generator });
  }
  for (const { server } of targets) await untilIdle(server.pid);

  const segments: Record<ServerName, Segment[]> = { neda: [], bare: [], twin: [] };
  // The first rounds warm up both ends and are not counted. Every second round goes the other way about, so that
  // no server has the better place.
  const warmUpRounds = options.short ? 1 : FULL_WARM_UP_ROUNDS;
  for (let round = 0; round < warmUpRounds + options.rounds; round += 1) {
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      signal.throwIfAborted();
      const segment = await measureSegment(target, workload, size);
      if (round >= warmUpRounds) segments[target.name].push(segment);
    }
  }
  return segments;
}

interface Target {
  readonly name: ServerName;
  readonly server: BenchServer;
  readonly generator: Generator;
}

async function measureSegment({ server, generator }: Target, workload: Workload, size: WorkloadSize): Promise<Segment> {
  const cpuBeforeUs = processCpuUs(server.pid);
  const segment = await generator.measure({ until: workload.until, talksPerGroup: size.talksPerGroup });
  // What a server puts off until later is part of its cost.
  await untilIdle(server.pid);
  const cpuAfterUs = processCpuUs(server.pid);
  return {
    ...segment,
    serverCpuUs: cpuBeforeUs === null || cpuAfterUs === null ? null : cpuAfterUs - cpuBeforeUs,
  };
}

/** Waits for a stretch in which the process used next to no processor time. */
async function untilIdle(pid: number): Promise<void> {
  let lastUs = Number.NEGATIVE_INFINITY;
  await until(
    () => {
      const cpuUs = processCpuUs(pid) ?? lastUs;
      const idle = cpuUs - lastUs <= IDLE_CPU_US;
      lastUs = cpuUs;
      return idle;
    },
    { limitMs: IDLE_LIMIT_MS, everyMs: IDLE_WINDOW_MS, describe: () => `process ${pid} comes to rest` },
  );
}

function warningsAbout(segments: MeasuredSegments): string[] {
  const parsed = [...segments.neda, ...segments.bare].filter(
    (segment) => segment.parsedCount > PARSED_SHARE_LIMIT * (segment.deliveries + 2 * segment.talks),
  );
  return parsed.length === 0
    ? []
    : [
        `the generator had to parse ${parsed[0]?.parsedCount ?? 0} messages in one stretch; its own work shows in the figures`,
      ];
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
