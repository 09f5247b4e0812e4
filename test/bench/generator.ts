/**
 * The load generator: a process of its own, forked by the runner for one server, doing what the runner's jobs say.
 * It ends when the runner goes away.
 */
import { type GeneratorJob, type GeneratorReport, type GroupSeats, readJob } from './generator-messages.ts';
import { type FloorClient, openFloorClient } from './floor-client.ts';
import { measureTalks, type SeatedGroup } from './talk-cycles.ts';

/** How many connections are being opened at a time; a listen queue holds far more. */
const OPENING_AT_ONCE = 32;

let groups: readonly SeatedGroup[] = [];

process.on('disconnect', () => process.exit(0));
process.on('message', (value: unknown) => {
  perform(readJob(value)).then(report, (error: unknown) => {
    report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  });
});

async function perform(job: GeneratorJob): Promise<GeneratorReport> {
  if (job.kind === 'open') {
    groups = await openGroups(job.host, job.port, job.groups);
    return { kind: 'opened' };
  }
  return { kind: 'measured', segment: await measureTalks(groups, job) };
}

async function openGroups(host: string, port: number, seats: readonly GroupSeats[]): Promise<SeatedGroup[]> {
  const wanted = seats.flatMap(({ groupId, tokens }) => tokens.map((token) => ({ host, port, groupId, token })));
  const clients: FloorClient[] = [];
  for (let start = 0; start < wanted.length; start += OPENING_AT_ONCE) {
    clients.push(...(await Promise.all(wanted.slice(start, start + OPENING_AT_ONCE).map(openFloorClient))));
  }
  return seats.map(({ tokens }) => {
    const [talker, ...listeners] = clients.splice(0, tokens.length);
    if (talker === undefined) throw new RangeError('a group has no seats');
    return { talker, listeners };
  });
}

function report(message: GeneratorReport): void {
  process.send?.(message);
}
