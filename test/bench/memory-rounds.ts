/** The rounds that weigh idle connections: a new process for each, as what a process did before stays in its heap. */
import { startGenerator } from './generator-process.ts';
import { untilIdle } from './process-cpu.ts';
import { residentBytes } from './process-memory.ts';
import type { MeasuredRounds } from './results.ts';
import type { Figures, MemoryWorkload } from './rows.ts';
import type { ServerFleet } from './server-fleet.ts';

/** `signal` ends it at its next step: it rejects with the signal's reason. */
export async function measureMemory(
  workload: MemoryWorkload,
  fleet: ServerFleet,
  { short, rounds }: { readonly short: boolean; readonly rounds: number },
  signal: AbortSignal,
): Promise<MeasuredRounds> {
  const { groups, listenersPerGroup } = short ? workload.short : workload.full;
  const measured = { neda: new Array<Figures>(), listening: new Array<Figures>() };
  for (let round = 0; round < rounds; round += 1) {
    const order = ['neda', 'listening'] as const;
    for (const name of round % 2 === 0 ? order : order.toReversed()) {
      signal.throwIfAborted();
      measured[name].push(await weigh(fleet, { groups, seatsPerGroup: 1 + listenersPerGroup, audio: name === 'neda' }));
    }
  }
  return measured;
}

async function weigh(
  fleet: ServerFleet,
  { groups, seatsPerGroup, audio }: { groups: number; seatsPerGroup: number; audio: boolean },
): Promise<Figures> {
  await using started = new AsyncDisposableStack();
  const server = await fleet.startNeda();
  started.defer(() => server.stop());
  const seats = await server.seatGroups(groups, seatsPerGroup);
  await untilIdle(server.pids);
  const beforeBytes = server.pids.map(residentBytes);
  const { host, port, listenersPort, packets } = server;
  const generator = await startGenerator({ host, port, listenersPort, packets, audio, groups: seats });
  started.defer(() => generator.stop());
  await untilIdle(server.pids);
  const [before, after] = [sum(beforeBytes), sum(server.pids.map(residentBytes))];
  return before === null || after === null ? {} : { bytesPerConnection: (after - before) / (groups * seatsPerGroup) };
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce((total, value) => (total === null || value === null ? null : total + value), 0);
}
