import { type Neda, startNeda } from '../../_support/neda.ts';
import { freePort } from '../../_support/ports.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/** One server process of a deployment, at an address that it keeps over restarts. */
export class ServerSlot {
  readonly index: number;
  readonly port: number;
  readonly redisProxy: FaultProxy;
  readonly #databaseUrl: string;
  readonly #env: Readonly<Record<string, string>>;
  /** Times at which it was stopped, frozen or killed. */
  readonly away: { readonly fromMs: number; toMs: number }[] = [];
  /** Where the source stands that the next start runs; null: this repository. */
  repository: string | null;
  #neda: Neda | null = null;

  private constructor(parts: {
    readonly index: number;
    readonly port: number;
    readonly redisProxy: FaultProxy;
    readonly databaseUrl: string;
    readonly env: Readonly<Record<string, string>>;
    readonly repository?: string | null;
  }) {
    this.repository = parts.repository ?? null;
    this.index = parts.index;
    this.port = parts.port;
    this.redisProxy = parts.redisProxy;
    this.#databaseUrl = parts.databaseUrl;
    this.#env = parts.env;
  }

  static async open(options: {
    readonly index: number;
    readonly redisPort: number;
    readonly databaseUrl: string;
    readonly seed: number;
    readonly env: Readonly<Record<string, string>>;
    readonly repository?: string | null;
  }): Promise<ServerSlot> {
    const redisProxy = await startFaultProxy(options.redisPort, options.seed + options.index);
    return new ServerSlot({ ...options, port: await freePort(), redisProxy });
  }

  get neda(): Neda {
    if (this.#neda === null) throw new Error(`process ${this.index} does not run`);
    return this.#neda;
  }

  get isUp(): boolean {
    return this.#neda !== null;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  async start(): Promise<void> {
    this.#neda = await startNeda({
      databaseUrl: this.#databaseUrl,
      redisUrl: `redis://127.0.0.1:${this.redisProxy.port}`,
      port: this.port,
      env: this.#env,
      ...(this.repository === null ? {} : { repository: this.repository }),
    });
    this.#isBack();
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const { neda } = this;
    this.#isGone();
    await neda.kill();
    this.#neda = null;
    await neda[Symbol.asyncDispose]();
  }

  /** SIGTERM; returns the exit code. */
  async stop(): Promise<number | null> {
    const { neda } = this;
    this.#isGone();
    const code = await neda.stop();
    this.#neda = null;
    await neda[Symbol.asyncDispose]();
    return code;
  }

  freeze(): void {
    this.#isGone();
    this.neda.pause();
  }

  thaw(): void {
    this.neda.resume();
    this.#isBack();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#neda?.[Symbol.asyncDispose]();
    await this.redisProxy[Symbol.asyncDispose]();
  }

  #isGone(): void {
    this.away.push({ fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY });
  }

  #isBack(): void {
    const last = this.away.at(-1);
    if (last !== undefined) last.toMs = Math.min(last.toMs, performance.now());
  }
}
