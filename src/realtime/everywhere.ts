import type { Bus, Unsubscribe } from './bus/index.ts';

const VERSION = '1';
/** A process that is frozen or dying holds up a change no longer than this. */
const LIMIT_MS = 1_000;
const LISTEN_AGAIN_MS = 1_000;

export interface EverywhereOptions {
  readonly bus: Pick<Bus, 'subscribeProcesses' | 'publishProcesses'>;
  readonly processId: string;
  /** Takes in what is committed by now, in this process. */
  readonly catchUp: () => Promise<void>;
  readonly onError: (error: unknown, step: string) => void;
}

interface Question {
  /** Answers that are still to come; null while it is not known how many were asked. */
  missing: number | null;
  answers: number;
  readonly resolve: () => void;
}

/**
 * Lets a change count everywhere before it is answered: whoever has committed it asks all processes to take it in, and
 * waits for their answers. On the channel of all processes:
 *
 *   1 ask <processId> <number>    take in what is committed, then answer
 *   1 done <processId> <number>   the question of that process with that number
 */
export class Everywhere {
  readonly #options: EverywhereOptions;
  readonly #open = new Map<string, Question>();
  #last = 0;
  #unsubscribe: Unsubscribe | null = null;
  #again: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: EverywhereOptions) {
    this.#options = options;
  }

  /** Begins to answer others. */
  async start(): Promise<void> {
    try {
      const unsubscribe = await this.#options.bus.subscribeProcesses({
        onMessage: (payload) => this.#onMessage(payload),
        onGap: () => undefined,
      });
      if (this.#isClosed) unsubscribe();
      else this.#unsubscribe = unsubscribe;
    } catch (error) {
      this.#options.onError(error, 'listen to processes');
      if (!this.#isClosed) this.#again = setTimeout(() => void this.start(), LISTEN_AGAIN_MS).unref();
    }
  }

  /**
   * Resolves when every process that can be reached has taken in what was committed before the call, at the latest
   * after a second. Never rejects: who was not reached hears of it later, as of any change.
   */
  async reached(): Promise<void> {
    const { catchUp, onError } = this.#options;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, LIMIT_MS);
    try {
      await Promise.race([limit.promise, Promise.all([catchUp(), this.#ask()])]);
    } catch (error) {
      onError(error, 'reach all processes');
    } finally {
      clearTimeout(timer);
    }
  }

  stop(): void {
    this.#isClosed = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#unsubscribe?.();
    for (const { resolve } of this.#open.values()) resolve();
  }

  async #ask(): Promise<void> {
    const name = `${this.#options.processId} ${++this.#last}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    const question: Question = { missing: null, answers: 0, resolve };
    this.#open.set(name, question);
    const forget = setTimeout(() => this.#open.delete(name), LIMIT_MS);
    forget.unref();
    question.missing = await this.#options.bus.publishProcesses(`${VERSION} ask ${name}`);
    this.#look(name, question);
    await promise;
  }

  #onMessage(payload: string): void {
    const [version, kind, processId, number] = payload.split(' ');
    if (version !== VERSION) return;
    const name = `${processId} ${number}`;
    if (kind === 'ask') void this.#answer(name);
    const question = this.#open.get(name);
    if (kind !== 'done' || question === undefined) return;
    question.answers += 1;
    this.#look(name, question);
  }

  #look(name: string, question: Question): void {
    if (question.missing === null || question.answers < question.missing) return;
    this.#open.delete(name);
    question.resolve();
  }

  async #answer(name: string): Promise<void> {
    const { bus, catchUp, onError } = this.#options;
    try {
      await catchUp();
      await bus.publishProcesses(`${VERSION} done ${name}`);
    } catch (error) {
      onError(error, 'answer a process');
    }
  }
}
