/** The rounds of one workload that puts a load on its servers. */
import type { BenchServer } from './bench-server.ts';
import type { GeneratedSegment } from './generator-messages.ts';
import { type Generator, startGenerator } from './generator-process.ts';
import { allCpuUs, untilIdle } from './process-cpu.ts';
import type { Measured } from './results.ts';
import { type Figures, PACKET_EVERY_MS, type ServerName, type TalksWorkload, type VoiceWorkload } from './rows.ts';
import type { Servers } from './server-fleet.ts';

/** A JavaScript engine reaches its full speed, p99 above all, within a few thousand talks. */
const FULL_WARM_UP_ROUNDS = 3;
/** A fifth of a second that is not measured, before each stretch that is. */
const LEAD_IN_PACKETS = 10;
/** Above this share of parsed messages the generator's own work shows in the figures. */
const PARSED_SHARE_LIMIT = 0.02;

interface Target {
  readonly name: ServerName;
  readonly server: BenchServer;
  readonly generator: Generator;
}

/** One stretch of measuring one server: what the generator saw, and what the server's processes used meanwhile. */
interface Segment extends GeneratedSegment {
  /** Processor time in microseconds; `null` where the system does not tell. */
  readonly serverCpuUs: number | null;
}

/** Puts the load on each server in turn. `signal` ends it at its next step: it rejects with the signal's reason. */
export async function measureLoad(
  workload: TalksWorkload | VoiceWorkload,
  servers: Servers,
  { short, rounds }: { readonly short: boolean; readonly rounds: number },
  signal: AbortSignal,
): Promise<Measured> {
  const { groups, listenersPerGroup } = short ? workload.short : workload.full;
  await using started = new AsyncDisposableStack();
  const targets: Target[] = [];
  for (const [name, server] of servers) {
    signal.throwIfAborted();
    const seats = await server.seatGroups(groups, 1 + listenersPerGroup);
    const { host, port, listenersPort, packets } = server;
    const audio = workload.kind === 'voice';
    const generator = await startGenerator({ host, port, listenersPort, packets, audio, groups: seats });
    started.defer(() => generator.stop());
    targets.push({ name, server, generator });
  }
  for (const { server } of targets) await untilIdle(server.pids);

  const segments = new Map<ServerName, Segment[]>();
  // The first rounds warm up both ends and are not counted. Every second round goes the other way about, so that
  // no server has the better place.
  const warmUpRounds = short ? 0 : FULL_WARM_UP_ROUNDS;
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      signal.throwIfAborted();
      const segment = await measureSegment(target, workload, short);
      if (round >= warmUpRounds) segments.set(target.name, [...(segments.get(target.name) ?? []), segment]);
    }
  }
  return {
    rounds: Object.fromEntries([...segments].map(([name, measured]) => [name, measured.map(figuresOf)])),
    warnings: warningsAbout([...segments.values()].flat()),
  };
}

async function measureSegment(
  target: Target,
  workload: TalksWorkload | VoiceWorkload,
  short: boolean,
): Promise<Segment> {
  const { generator, server } = target;
  if (workload.kind === 'talks') {
    const { talksPerGroup } = short ? workload.short : workload.full;
    const { until } = workload;
    return withServerCpu(server.pids, () => generator.measure({ kind: 'talks', until, talksPerGroup }));
  }
  const { packetsPerTalk } = short ? workload.short : workload.full;
  await generator.press();
  // What the grant has set off is over by then. Silence for as long as it took to find out would end the talk.
  await generator.measure({ kind: 'stream', packets: LEAD_IN_PACKETS, everyMs: PACKET_EVERY_MS });
  const segment = await withServerCpu(server.pids, () =>
    generator.measure({ kind: 'stream', packets: packetsPerTalk, everyMs: PACKET_EVERY_MS }),
  );
  await generator.release();
  await untilIdle(server.pids);
  return segment;
}

async function withServerCpu(pids: readonly number[], work: () => Promise<GeneratedSegment>): Promise<Segment> {
  const beforeUs = allCpuUs(pids);
  const segment = await work();
  // What a server puts off until later is part of its cost.
  await untilIdle(pids);
  const afterUs = allCpuUs(pids);
  return { ...segment, serverCpuUs: beforeUs === null || afterUs === null ? null : afterUs - beforeUs };
}

function figuresOf({ latencyP50Us, latencyP99Us, deliveries, lost, serverCpuUs }: Segment): Figures {
  return {
    p50Us: latencyP50Us,
    p99Us: latencyP99Us,
    lost,
    ...(serverCpuUs === null ? {} : { cpuUsPerDelivery: serverCpuUs / deliveries }),
  };
}

function warningsAbout(segments: readonly Segment[]): string[] {
  const parsed = segments.find(
    ({ parsedCount, deliveries, talks }) => parsedCount > PARSED_SHARE_LIMIT * (deliveries + 2 * talks),
  );
  if (parsed === undefined) return [];
  return [
    `the generator had to parse ${parsed.parsedCount} messages in one stretch; its own work shows in the figures`,
  ];
}
