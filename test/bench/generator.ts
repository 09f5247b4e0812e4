/**
 * The load generator: a process of its own, forked by the runner for one server, doing what the runner's jobs say.
 * It ends when the runner goes away.
 */
import { type GeneratorJob, type GeneratorReport, type OpenJob, readJob } from './generator-messages.ts';
import { type FloorClient, openFloorClient } from './floor-client.ts';
import { measureTalks, type SeatedGroup } from './talk-cycles.ts';
import { VoiceStreams } from './voice-streams.ts';
import { clientBinaryFrame, serverBinaryFrame } from './websocket-frames.ts';

/** How many connections are being opened at a time; a listen queue holds far more. */
const OPENING_AT_ONCE = 32;

let groups: readonly SeatedGroup[] = [];
let framePacket = clientBinaryFrame;
let voices: VoiceStreams | null = null;

process.on('disconnect', () => process.exit(0));
process.on('message', (value: unknown) => {
  perform(readJob(value)).then(report, (error: unknown) => {
    report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  });
});

async function perform(job: GeneratorJob): Promise<GeneratorReport> {
  switch (job.kind) {
    case 'open':
      groups = await openGroups(job);
      framePacket = job.packets === 'raw' ? serverBinaryFrame : clientBinaryFrame;
      return { kind: 'done' };
    case 'talks':
      return { kind: 'measured', segment: await measureTalks(groups, job) };
    case 'press':
      voices ??= new VoiceStreams(groups, framePacket);
      await voices.press();
      return { kind: 'done' };
    case 'stream':
      return { kind: 'measured', segment: await talking().stream(job) };
    case 'release':
      await talking().release();
      return { kind: 'done' };
    default:
      return job satisfies never;
  }
}

function talking(): VoiceStreams {
  if (voices === null) throw new Error('nobody has pressed');
  return voices;
}

async function openGroups({ host, port, listenersPort, audio, groups: seats }: OpenJob): Promise<SeatedGroup[]> {
  const wanted = seats.flatMap(({ groupId, tokens }) =>
    tokens.map((token, seat) => ({ host, port: seat === 0 ? port : listenersPort, groupId, token, audio })),
  );
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
