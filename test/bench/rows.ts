/**
 * What is measured. A workload is one layout of connections and one way of driving it; a row is one figure of a
 * workload with its goal. A later measure adds its workload (when none fits) and its rows here.
 */
import type { GeneratedSegment, MeasureJob } from './generator-messages.ts';

/** One stretch of measuring one server: what the generator saw, and what the server's process used meanwhile. */
export interface Segment extends GeneratedSegment {
  /** Processor time of the server in microseconds; `null` where the system does not tell. */
  readonly serverCpuUs: number | null;
}

export interface WorkloadSize {
  readonly groups: number;
  /** Connections in each group beside the one that presses. */
  readonly listenersPerGroup: number;
  readonly talksPerGroup: number;
}

export interface Workload {
  readonly until: MeasureJob['until'];
  /** Half a second or so: what else runs on the machine then weighs alike on the two servers of a round. */
  readonly full: WorkloadSize;
  /** Only enough to prove that it runs. */
  readonly short: WorkloadSize;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly workload: Workload;
  readonly unit: 'µs';
  /** `null` where the figure cannot be had on this system. */
  readonly figure: (segment: Segment) => number | null;
  /** Ratios to the bare floor server: what must be reached, and what is hoped for. */
  readonly goal: number;
  readonly stretch: number;
  /** How far the bare server may be from its own twin on a shared machine; a miss within it is run again. */
  readonly noise: number;
}

const NOISE = 0.1;
const NOISE_OF_P99 = 0.2;

const oneGroup: Workload = {
  until: 'granted',
  full: { groups: 1, listenersPerGroup: 1, talksPerGroup: 1_500 },
  short: { groups: 1, listenersPerGroup: 1, talksPerGroup: 20 },
};

const fiftyGroups: Workload = {
  until: 'granted',
  full: { groups: 50, listenersPerGroup: 1, talksPerGroup: 100 },
  short: { groups: 3, listenersPerGroup: 1, talksPerGroup: 10 },
};

const hundredListeners: Workload = {
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 100, talksPerGroup: 150 },
  short: { groups: 1, listenersPerGroup: 3, talksPerGroup: 10 },
};

const fiveHundredListeners: Workload = {
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 500, talksPerGroup: 60 },
  short: { groups: 1, listenersPerGroup: 4, talksPerGroup: 10 },
};

const thousandListeners: Workload = {
  until: 'delivered',
  full: { groups: 1, listenersPerGroup: 1_000, talksPerGroup: 40 },
  short: { groups: 1, listenersPerGroup: 5, talksPerGroup: 10 },
};

export const rows: readonly Row[] = [
  {
    name: 'grant-1-p50',
    title: 'press → TALK_GRANTED p50, one group',
    workload: oneGroup,
    unit: 'µs',
    figure: (segment) => segment.latencyP50Us,
    goal: 1.35,
    stretch: 1.15,
    noise: NOISE,
  },
  {
    name: 'grant-1-p99',
    title: 'press → TALK_GRANTED p99, one group',
    workload: oneGroup,
    unit: 'µs',
    figure: (segment) => segment.latencyP99Us,
    goal: 1.6,
    stretch: 1.3,
    noise: NOISE_OF_P99,
  },
  {
    name: 'grant-50-p50',
    title: 'press → TALK_GRANTED p50, 50 groups',
    workload: fiftyGroups,
    unit: 'µs',
    figure: (segment) => segment.latencyP50Us,
    goal: 1.4,
    stretch: 1.15,
    noise: NOISE,
  },
  {
    name: 'grant-50-p99',
    title: 'press → TALK_GRANTED p99, 50 groups',
    workload: fiftyGroups,
    unit: 'µs',
    figure: (segment) => segment.latencyP99Us,
    goal: 1.8,
    stretch: 1.3,
    noise: NOISE_OF_P99,
  },
  {
    name: 'fanout-100',
    title: 'press → last of 100 listeners, p50',
    workload: hundredListeners,
    unit: 'µs',
    figure: (segment) => segment.latencyP50Us,
    goal: 1.25,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-500',
    title: 'press → last of 500 listeners, p50',
    workload: fiveHundredListeners,
    unit: 'µs',
    figure: (segment) => segment.latencyP50Us,
    goal: 1.2,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-1000',
    title: 'press → last of 1000 listeners, p50',
    workload: thousandListeners,
    unit: 'µs',
    figure: (segment) => segment.latencyP50Us,
    goal: 1.15,
    stretch: 1.05,
    noise: NOISE,
  },
  {
    name: 'fanout-1000-cpu',
    title: 'server CPU per delivery, 1000 listeners',
    workload: thousandListeners,
    unit: 'µs',
    figure: (segment) => (segment.serverCpuUs === null ? null : segment.serverCpuUs / segment.deliveries),
    goal: 1.15,
    stretch: 1,
    noise: NOISE,
  },
];
