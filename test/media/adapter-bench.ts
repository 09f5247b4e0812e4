import { dispose } from '@livekit/rtc-node';
import { v7 as uuidV7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { createMediaServer, mediaIdentity, type MediaServer } from '../../src/realtime/media/index.ts';
import { LivekitMediaServer } from '../../src/realtime/media/livekit.ts';
import type { TaintTimes } from '../../src/realtime/media/tainted-identities.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type SlowProxy, startSlowProxy } from '../_support/slow-proxy.ts';
import { type Guest, joinRoom, lookUp, permissionOf } from './room-client.ts';

export const BUDGET_MS = 1_500;
const PREFIX = 'one-';

/** A livekit-server for a test file, and for each test a group, an identity and adapters that are closed after it. */
export class AdapterBench {
  readonly livekit: TestLivekit;
  readonly proxy: SlowProxy;
  groupId = '';
  identity = '';
  room = '';
  /** What the adapters logged in this test. */
  readonly lines: string[] = [];
  readonly #guests: Guest[] = [];
  readonly #servers: MediaServer[] = [];

  private constructor(livekit: TestLivekit, proxy: SlowProxy) {
    this.livekit = livekit;
    this.proxy = proxy;
  }

  /** To be called at the top of a test file; what it returns can be used in tests. */
  static use(): () => AdapterBench {
    let bench: AdapterBench | undefined;
    beforeAll(async () => {
      const livekit = await startLivekit();
      bench = new AdapterBench(livekit, await startSlowProxy(Number(new URL(livekit.host).port)));
    });
    beforeEach(() => bench?.begin());
    afterEach(() => bench?.end());
    afterAll(async () => {
      await bench?.proxy[Symbol.asyncDispose]();
      await bench?.livekit[Symbol.asyncDispose]();
      await dispose();
    });
    return () => {
      if (bench === undefined) throw new Error('used outside of a test');
      return bench;
    };
  }

  begin(): void {
    this.groupId = uuidV7();
    this.identity = mediaIdentity(uuidV7(), uuidV7());
    this.room = `${PREFIX}neda.${this.groupId}`;
    this.lines.length = 0;
  }

  async end(): Promise<void> {
    this.proxy.setDelay(0);
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
    await Promise.all(this.#guests.splice(0).map((guest) => guest.leave()));
  }

  /** LiveKit's API behind the proxy. */
  get slowed(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  /** The adapter of the product, by its factory. */
  mediaServer(
    options: { readonly host?: string; readonly keyPrefix?: string; readonly apiSecret?: string } = {},
  ): MediaServer {
    const livekit = this.#address(options.host ?? this.livekit.host, options.apiSecret ?? this.livekit.apiSecret);
    return this.#keep(createMediaServer({ livekit, keyPrefix: options.keyPrefix ?? PREFIX, log: this.#log }));
  }

  /** One behind the proxy that looks after what was not confirmed every 50 ms, and for `settleMs`. */
  watchfulServer(settleMs: number, host: string = this.slowed): LivekitMediaServer {
    const taintTimes: TaintTimes = { roundMs: 50, settleMs, lifeMs: 60_000 };
    const livekit = this.#address(host, this.livekit.apiSecret);
    return this.#keep(new LivekitMediaServer({ livekit, keyPrefix: PREFIX, log: this.#log, taintTimes }));
  }

  /** Joins with what an adapter gave out; leaves after the test. */
  async join(media: Parameters<typeof joinRoom>[0]): Promise<Guest> {
    const guest = await joinRoom(media);
    this.#guests.push(guest);
    return guest;
  }

  /** Joins the group of the test with a listen token. */
  async listen(server: MediaServer): Promise<Guest> {
    return this.join(await server.listenDescription(this.groupId, this.identity));
  }

  /** The permission as LiveKit has it now. */
  async permission(room: string = this.room) {
    return permissionOf(this.livekit, room, this.identity);
  }

  /** The identity of the test as LiveKit has it now. */
  async participant() {
    const participant = await lookUp(this.livekit, this.room, this.identity);
    if (participant === undefined) throw new Error(`${this.identity} is not in ${this.room}`);
    return participant;
  }

  /** LiveKit counts the changes of a participant. */
  async version(): Promise<number> {
    return (await this.participant()).version;
  }

  /** How many calls about this identity have come to the proxy. */
  callsAbout(who: string): number {
    return this.proxy.sent().split(`"identity":"${who}"`).length - 1;
  }

  /** How many probes of the health have come to the proxy. */
  probes(): number {
    return this.proxy.sent().split('GET / HTTP').length - 1;
  }

  readonly #log = {
    warn: (fields: object, message: string) => void this.lines.push(`warn ${message} ${JSON.stringify(fields)}`),
    info: (fields: object, message: string) => void this.lines.push(`info ${message} ${JSON.stringify(fields)}`),
  };

  #address(host: string, apiSecret: string) {
    return {
      host,
      publicUrl: this.livekit.publicUrl,
      apiKey: this.livekit.apiKey,
      apiSecret: { reveal: () => apiSecret },
    };
  }

  #keep<Server extends MediaServer>(server: Server): Server {
    this.#servers.push(server);
    return server;
  }
}

/** How long a call takes, in milliseconds without those in which this process stood still, and what it comes to. */
export async function timed(call: Promise<unknown>): Promise<{ readonly tookMs: number; readonly result: unknown }> {
  using watch = new StandstillWatch();
  const startedAtMs = performance.now();
  const result = await call.catch((error: unknown) => error);
  return { tookMs: performance.now() - startedAtMs - watch.between(startedAtMs), result };
}
