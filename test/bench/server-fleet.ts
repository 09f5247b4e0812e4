import { startBarePair, startBareServer, startNetServer } from './bare-server.ts';
import type { BenchServer } from './bench-server.ts';
import { type NedaDeployment, startNedaDeployment } from './neda-server.ts';
import type { ServerName, Workload } from './rows.ts';

export interface Stores {
  readonly redisUrl: string;
  /** `null`: NEDA is not part of the run. */
  readonly databaseUrl: string | null;
}

export type Servers = ReadonlyMap<ServerName, BenchServer>;

/** The servers of a run, each started when the first workload needs it. */
export class ServerFleet {
  readonly #stores: Stores;
  readonly #started = new AsyncDisposableStack();
  readonly #servers = new Map<string, Promise<BenchServer>>();
  #deployment: Promise<NedaDeployment> | null = null;

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  /** The servers that take the load of a workload in turn. Rejects when one does not start. */
  async serversFor(workload: Workload): Promise<Servers> {
    const { redisUrl, databaseUrl } = this.#stores;
    const servers = new Map<ServerName, BenchServer>();
    const isPair = workload.kind === 'voice' && workload.processes === 2;
    if (databaseUrl !== null) servers.set('neda', await this.#neda(databaseUrl, isPair));
    for (const name of ['bare', 'twin'] as const) {
      const start = isPair ? startBarePair : startBareServer;
      servers.set(name, await this.#once(`${name} ${isPair}`, () => start(redisUrl)));
    }
    if (workload.kind === 'voice' && !isPair) servers.set('net', await this.#once('net', startNetServer));
    return servers;
  }

  /** Starts one more process of NEDA; whoever asked for it stops it. */
  async startNeda(): Promise<BenchServer> {
    const { databaseUrl } = this.#stores;
    if (databaseUrl === null) throw new Error('NEDA is not part of the run');
    return (await this.#nedaDeployment(databaseUrl)).startAnother();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.disposeAsync();
  }

  async #neda(databaseUrl: string, isPair: boolean): Promise<BenchServer> {
    const { server, startAnother } = await this.#nedaDeployment(databaseUrl);
    if (!isPair) return server;
    const other = await this.#once('neda 2', startAnother);
    return { ...server, listenersPort: other.port, pids: [...server.pids, ...other.pids] };
  }

  #nedaDeployment(databaseUrl: string): Promise<NedaDeployment> {
    const { redisUrl } = this.#stores;
    this.#deployment ??= startNedaDeployment({ databaseUrl, redisUrl }).then((deployment) => {
      this.#started.defer(() => deployment.server.stop());
      return deployment;
    });
    return this.#deployment;
  }

  #once(key: string, start: () => Promise<BenchServer>): Promise<BenchServer> {
    const starting =
      this.#servers.get(key) ??
      start().then((server) => {
        this.#started.defer(() => server.stop());
        return server;
      });
    this.#servers.set(key, starting);
    return starting;
  }
}
