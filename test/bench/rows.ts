/**
 * What is measured. A workload is one layout of connections and one way of driving it; a row is one figure of a
 * workload with its goal. A later measure adds its workload (when none fits) and its rows here.
 */
import type { TalksJob } from './generator-messages.ts';

/** What one stretch of measuring one server came to. What is absent was not measured, or this system cannot tell. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

export type FigureName =
  | 'p50Us'
  | 'p99Us'
  /** Processor time of the server for each event or packet that came to a listener. */
  | 'cpuUsPerDelivery'
  /** Deliveries that never came. */
  | 'lost'
  | 'bytesPerConnection';

/** Whom the load is put on. `twin`: another bare server. `net`: the bare forwarder of bytes. */
export type ServerName = 'neda' | 'bare' | 'twin' | 'net' | 'listening';

interface Seats {
  readonly groups: number;
  /** Connections in each group beside the one that presses. */
  readonly listenersPerGroup: number;
}

export interface TalksSize extends Seats {
  readonly talksPerGroup: number;
}

export interface VoiceSize extends Seats {
  readonly packetsPerTalk: number;
}

interface Sizes<Size> {
  /** Half a second or so: what else runs on the machine then weighs alike on the servers of a round. */
  readonly full: Size;
  /** Only enough to prove that it runs. */
  readonly short: Size;
}

/** Talks as fast as they can follow one another. */
export interface TalksWorkload extends Sizes<TalksSize> {
  readonly kind: 'talks';
  readonly until: TalksJob['until'];
}

/** One talk in each group, and its packets at their own pace. */
export interface VoiceWorkload extends Sizes<VoiceSize> {
  readonly kind: 'voice';
  /** Two: listeners are on another process than their talker. */
  readonly processes: 1 | 2;
}

/** Connections of a process that was just started and that do nothing: with voice, and (`listening`) without. */
export interface MemoryWorkload extends Sizes<Seats> {
  readonly kind: 'memory';
}

export type Workload = TalksWorkload | VoiceWorkload | MemoryWorkload;

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly workload: Workload;
  readonly unit: 'µs' | 'B' | 'packets';
  readonly figure: FigureName;
  /** What NEDA's figure is divided by; `null`: it counts by itself. */
  readonly baseline: Exclude<ServerName, 'neda' | 'twin'> | null;
  /** What must be reached, and what is hoped for; `null` where nothing was set. */
  readonly goal: number | null;
  readonly stretch: number | null;
  /** How far the bare server may be from its own twin on a shared machine; a miss within it is run again. */
  readonly noise: number;
}

const NOISE = 0.1;
const NOISE_OF_P99 = 0.2;

const oneGroup: TalksWorkload = {
  kind: 'talks',
  until: 'granted',
  full: { groups: 1, listenersPerGroup: 1, talksPerGroup: 1_500 },
  short: { groups: 1, listenersPerGroup: 1, talksPerGroup: 20 },
};

const fiftyGroups: TalksWorkload = {
  kind: 'talks',
  until: 'granted',
  full: { groups: 50, listenersPerGroup: 1, talksPerGroup: 100 },
  short: { groups: 3, listenersPerGroup: 1, talksPerGroup: 10 },
};

const hundredListeners: TalksWorkload = {
  kind: 'talks',
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 100, talksPerGroup: 150 },
  short: { groups: 1, listenersPerGroup: 3, talksPerGroup: 10 },
};

const fiveHundredListeners: TalksWorkload = {
  kind: 'talks',
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 500, talksPerGroup: 60 },
  short: { groups: 1, listenersPerGroup: 4, talksPerGroup: 10 },
};

const thousandListeners: TalksWorkload = {
  kind: 'talks',
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 1_000, talksPerGroup: 40 },
  short: { groups: 1, listenersPerGroup: 5, talksPerGroup: 10 },
};

/** 20 ms of sound a packet. */
export const PACKET_EVERY_MS = 20;

const voiceToTwenty: VoiceWorkload = {
  kind: 'voice',
  processes: 1,
  full: { groups: 1, listenersPerGroup: 20, packetsPerTalk: 75 },
  short: { groups: 1, listenersPerGroup: 3, packetsPerTalk: 5 },
};

const voiceToThousand: VoiceWorkload = {
  kind: 'voice',
  processes: 1,
  full: { groups: 1, listenersPerGroup: 1_000, packetsPerTalk: 75 },
  short: { groups: 1, listenersPerGroup: 5, packetsPerTalk: 5 },
};

const voiceInFiftyGroups: VoiceWorkload = {
  kind: 'voice',
  processes: 1,
  full: { groups: 50, listenersPerGroup: 20, packetsPerTalk: 75 },
  short: { groups: 3, listenersPerGroup: 2, packetsPerTalk: 5 },
};

const voiceToAnotherProcess: VoiceWorkload = {
  kind: 'voice',
  processes: 2,
  full: { groups: 10, listenersPerGroup: 20, packetsPerTalk: 75 },
  short: { groups: 2, listenersPerGroup: 2, packetsPerTalk: 5 },
};

const idleWithVoice: MemoryWorkload = {
  kind: 'memory',
  full: { groups: 50, listenersPerGroup: 19 },
  short: { groups: 2, listenersPerGroup: 1 },
};

const DELAY_GOALS = { goal: 1.3, stretch: 1.1 } as const;
const CPU_GOALS = { goal: 1.25, stretch: 1.1 } as const;
const NO_GOAL = { goal: null, stretch: null } as const;
const NONE_LOST = { unit: 'packets', figure: 'lost', baseline: null, goal: 0, stretch: 0, noise: 0 } as const;

/** Delay and loss in one workload of voice. */
function voiceRows(name: string, where: string, workload: VoiceWorkload): Row[] {
  const delay = { workload, unit: 'µs', baseline: 'bare' } as const;
  return [
    {
      name: `${name}-p50`,
      title: `packet sent → heard p50, ${where}`,
      figure: 'p50Us',
      ...delay,
      ...DELAY_GOALS,
      noise: NOISE,
    },
    {
      name: `${name}-p99`,
      title: `packet sent → heard p99, ${where}`,
      figure: 'p99Us',
      ...delay,
      ...NO_GOAL,
      noise: NOISE_OF_P99,
    },
    { name: `${name}-lost`, title: `packets lost, ${where}`, workload, ...NONE_LOST },
  ];
}

/** Processor time in a workload of voice that keeps its server busy. */
function voiceCpuRows(name: string, where: string, workload: VoiceWorkload): Row[] {
  const title = `server CPU per delivered packet, ${where}`;
  const cpu = { workload, unit: 'µs', figure: 'cpuUsPerDelivery', noise: NOISE } as const;
  const toBare: Row = { name: `${name}-cpu`, title, ...cpu, baseline: 'bare', ...NO_GOAL };
  if (workload.processes === 2) return [toBare];
  return [toBare, { name: `${name}-cpu-net`, title: `${title}, to raw net`, ...cpu, baseline: 'net', ...CPU_GOALS }];
}

export const rows: readonly Row[] = [
  {
    name: 'grant-1-p50',
    title: 'press → TALK_GRANTED p50, one group',
    workload: oneGroup,
    unit: 'µs',
    figure: 'p50Us',
    baseline: 'bare',
    goal: 1.35,
    stretch: 1.15,
    noise: NOISE,
  },
  {
    name: 'grant-1-p99',
    title: 'press → TALK_GRANTED p99, one group',
    workload: oneGroup,
    unit: 'µs',
    figure: 'p99Us',
    baseline: 'bare',
    goal: 1.6,
    stretch: 1.3,
    noise: NOISE_OF_P99,
  },
  {
    name: 'grant-50-p50',
    title: 'press → TALK_GRANTED p50, 50 groups',
    workload: fiftyGroups,
    unit: 'µs',
    figure: 'p50Us',
    baseline: 'bare',
    goal: 1.4,
    stretch: 1.15,
    noise: NOISE,
  },
  {
    name: 'grant-50-p99',
    title: 'press → TALK_GRANTED p99, 50 groups',
    workload: fiftyGroups,
    unit: 'µs',
    figure: 'p99Us',
    baseline: 'bare',
    goal: 1.8,
    stretch: 1.3,
    noise: NOISE_OF_P99,
  },
  {
    name: 'fanout-100',
    title: 'press → last of 100 listeners, p50',
    workload: hundredListeners,
    unit: 'µs',
    figure: 'p50Us',
    baseline: 'bare',
    goal: 1.25,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-500',
    title: 'press → last of 500 listeners, p50',
    workload: fiveHundredListeners,
    unit: 'µs',
    figure: 'p50Us',
    baseline: 'bare',
    goal: 1.2,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-1000',
    title: 'press → last of 1000 listeners, p50',
    workload: thousandListeners,
    unit: 'µs',
    figure: 'p50Us',
    baseline: 'bare',
    goal: 1.15,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-1000-cpu',
    title: 'server CPU per delivery, 1000 listeners',
    workload: thousandListeners,
    unit: 'µs',
    figure: 'cpuUsPerDelivery',
    baseline: 'bare',
    goal: 1.15,
    stretch: 1,
    noise: NOISE,
  },
  ...voiceRows('relay-20', '1 talker, 20 listeners', voiceToTwenty),
  ...voiceRows('relay-1000', '1 talker, 1000 listeners', voiceToThousand),
  ...voiceCpuRows('relay-1000', '1 talker, 1000 listeners', voiceToThousand),
  ...voiceRows('relay-50x20', '50 groups of 20 listeners', voiceInFiftyGroups),
  ...voiceCpuRows('relay-50x20', '50 groups of 20 listeners', voiceInFiftyGroups),
  ...voiceRows('relay-two', '10 groups of 20 listeners on another process', voiceToAnotherProcess),
  ...voiceCpuRows('relay-two', '10 groups of 20 listeners on another process', voiceToAnotherProcess),
  {
    name: 'relay-memory',
    title: 'memory per connection joined with voice, to joined without',
    workload: idleWithVoice,
    unit: 'B',
    figure: 'bytesPerConnection',
    baseline: 'listening',
    ...NO_GOAL,
    noise: NOISE,
  },
];
