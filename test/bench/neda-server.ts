import { randomBytes } from 'node:crypto';
import { startNeda } from '../_support/neda.ts';
import type { BenchServer } from './bench-server.ts';
import { NedaSeats } from './neda-seats.ts';

const ADMIN = { username: 'admin', password: 'push-to-talk' } as const;
/** Longer than any benchmark: nobody refreshes a token while something is measured. */
const ACCESS_TOKEN_TTL_MS = 24 * 3_600_000;
/** A PATH without programs: no media server is found and started beside NEDA, the rows are taken with media off. */
const EMPTY_PATH = '/nonexistent';

/** NEDA on one PostgreSQL and one Redis, in as many processes as are asked for. */
export interface NedaDeployment {
  readonly server: BenchServer;
  /** Starts one more process; its seats are those of `server`. Rejects when it does not start. */
  startAnother(): Promise<BenchServer>;
}

/** Starts NEDA on the given stores, without media and rate limits, else as it comes. Rejects when it does not start. */
export async function startNedaDeployment(stores: {
  readonly databaseUrl: string;
  readonly redisUrl: string;
}): Promise<NedaDeployment> {
  const secretKey = randomBytes(48).toString('base64');
  const startProcess = () =>
    startNeda({
      ...stores,
      env: {
        PATH: EMPTY_PATH,
        // As in production one JSON object a log line; production itself does not let the rate limits be lifted.
        NODE_ENV: 'test',
        HOST: '127.0.0.1',
        SECRET_KEY: secretKey,
        DEMO_DATA: 'on',
        DEMO_PASSWORD: ADMIN.password,
        ACCESS_TOKEN_TTL_MS: String(ACCESS_TOKEN_TTL_MS),
      },
    });
  const first = await startProcess();
  try {
    const { accessToken } = await first.rest.login(ADMIN.username, ADMIN.password);
    const seats = new NedaSeats(first.rest, accessToken);
    const serverOf = (neda: typeof first): BenchServer => ({
      host: '127.0.0.1',
      port: neda.port,
      listenersPort: neda.port,
      pids: [neda.process.pid],
      packets: 'websocket',
      seatGroups: (groups, seatsPerGroup) => seats.seatGroups(groups, seatsPerGroup),
      stop: () => neda[Symbol.asyncDispose](),
    });
    return { server: serverOf(first), startAnother: async () => serverOf(await startProcess()) };
  } catch (error) {
    await first[Symbol.asyncDispose]();
    throw error;
  }
}
