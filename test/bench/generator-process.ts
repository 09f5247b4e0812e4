/** The runner's hold on one generator. */
import { type ChildProcess, fork } from 'node:child_process';
import {
  type GeneratedSegment,
  type GeneratorJob,
  type GeneratorReport,
  type OpenJob,
  readReport,
  type StreamJob,
  type TalksJob,
} from './generator-messages.ts';

const GENERATOR = new URL('./generator.ts', import.meta.url);
/** Opening a thousand connections or measuring one stretch takes seconds; more means that an answer never came. */
const JOB_LIMIT_MS = 60_000;

/** A generator with open connections. Every method rejects, with the reason, when the server misbehaves. */
export interface Generator {
  measure(job: TalksJob | StreamJob): Promise<GeneratedSegment>;
  /** The talkers of all groups take the floor, and give it back. */
  press(): Promise<void>;
  release(): Promise<void>;
  /** Ends the process and so drops its connections. */
  stop(): Promise<void>;
}

/** Starts a generator process and seats its connections in the groups. */
export async function startGenerator(opening: Omit<OpenJob, 'kind'>): Promise<Generator> {
  const child = fork(GENERATOR, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    await perform(child, { kind: 'open', ...opening });
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    async measure(job) {
      const report = await perform(child, job);
      if (report.kind !== 'measured') throw new Error(`the generator reported ${report.kind}`);
      return report.segment;
    },
    press: async () => void (await perform(child, { kind: 'press' })),
    release: async () => void (await perform(child, { kind: 'release' })),
    stop: () => end(child),
  };
}

async function perform(child: ChildProcess, job: GeneratorJob): Promise<GeneratorReport> {
  const answer = await new Promise<unknown>((resolve, reject) => {
    const onMessage = (value: unknown): void => settle(() => resolve(value));
    const onExit = (): void => settle(() => reject(new Error('the generator process ended')));
    const limit = setTimeout(
      () => settle(() => reject(new Error(`the generator did not finish within ${JOB_LIMIT_MS} ms`))),
      JOB_LIMIT_MS,
    );
    const settle = (outcome: () => void): void => {
      clearTimeout(limit);
      child.off('message', onMessage);
      child.off('exit', onExit);
      outcome();
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(job);
  });
  const report = readReport(answer);
  if (report.kind === 'failed') throw new Error(report.reason);
  return report;
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
