/** What the runner and its generators tell each other over the fork's channel. */
import { z } from 'zod';

const groupSeatsSchema = z.object({
  groupId: z.string(),
  /** One connection each. The first presses, the others listen. */
  tokens: z.array(z.string()).min(2),
});

const jobSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    host: z.string(),
    /** Where the talkers connect. */
    port: z.number().int(),
    /** Where the listeners do. */
    listenersPort: z.number().int(),
    /** Joins with voice over the WebSocket. */
    audio: z.boolean(),
    /** `raw`: the server forwards the bytes of a packet as they come, so they are sent as the listeners read them. */
    packets: z.enum(['websocket', 'raw']),
    groups: z.array(groupSeatsSchema).min(1),
  }),
  z.object({
    kind: z.literal('talks'),
    /** `granted`: a cycle goes on with the answer. `delivered`: it goes on when the last listener has the event. */
    until: z.enum(['granted', 'delivered']),
    talksPerGroup: z.number().int().min(1),
  }),
  /** The talkers of all groups take the floor, and give it back. */
  z.object({ kind: z.literal('press') }),
  z.object({ kind: z.literal('release') }),
  z.object({
    kind: z.literal('stream'),
    packets: z.number().int().min(1),
    everyMs: z.number().positive(),
  }),
]);

const segmentSchema = z.object({
  /** Press → `TALK_GRANTED`, press → the last listener's `TALK_STARTED`, or a packet sent → a listener has it. */
  latencyP50Us: z.number(),
  latencyP99Us: z.number(),
  talks: z.number().int(),
  /** `TALK_STARTED` and `TALK_ENDED` that came to listeners, or packets that did. */
  deliveries: z.number().int(),
  /** Packets that did not come to a listener, counted for each. */
  lost: z.number().int(),
  elapsedMs: z.number(),
  /** Processor time of the generator's own process. */
  generatorCpuUs: z.number(),
  /** Messages that the generator had to parse to know their kind. */
  parsedCount: z.number().int(),
});

const reportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('measured'), segment: segmentSchema }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);

export type GroupSeats = z.infer<typeof groupSeatsSchema>;
export type GeneratorJob = z.infer<typeof jobSchema>;
export type GeneratorReport = z.infer<typeof reportSchema>;
/** What one generator saw of one server in one stretch of measuring. */
export type GeneratedSegment = z.infer<typeof segmentSchema>;
export type OpenJob = Extract<GeneratorJob, { kind: 'open' }>;
export type TalksJob = Extract<GeneratorJob, { kind: 'talks' }>;
export type StreamJob = Extract<GeneratorJob, { kind: 'stream' }>;

/** Throws a ZodError when the other side sent something else. */
export function readJob(value: unknown): GeneratorJob {
  return jobSchema.parse(value);
}

/** Throws a ZodError when the other side sent something else. */
export function readReport(value: unknown): GeneratorReport {
  return reportSchema.parse(value);
}
