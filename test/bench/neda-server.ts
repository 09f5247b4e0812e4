import { randomBytes } from 'node:crypto';
import { startNeda } from '../_support/neda.ts';
import type { BenchServer } from './bench-server.ts';
import { NedaSeats } from './neda-seats.ts';

const ADMIN = { username: 'admin', password: 'push-to-talk' } as const;
/** Longer than any benchmark: nobody refreshes a token while something is measured. */
const ACCESS_TOKEN_TTL_MS = 24 * 3_600_000;
/** A PATH without programs: no media server is found and started beside NEDA, the rows are taken with media off. */
const EMPTY_PATH = '/nonexistent';

/** Starts NEDA on the given stores, without media and rate limits, else as it comes. Rejects when it does not start. */
export async function startNedaServer(stores: {
  readonly databaseUrl: string;
  readonly redisUrl: string;
}): Promise<BenchServer> {
  const neda = await startNeda({
    ...stores,
    env: {
      PATH: EMPTY_PATH,
      // As in production one JSON object a log line; production itself does not let the rate limits be lifted.
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      SECRET_KEY: randomBytes(48).toString('base64'),
      DEMO_DATA: 'on',
      DEMO_PASSWORD: ADMIN.password,
      ACCESS_TOKEN_TTL_MS: String(ACCESS_TOKEN_TTL_MS),
    },
  });
  const stop = (): Promise<void> => neda[Symbol.asyncDispose]();
  try {
    const { accessToken } = await neda.rest.login(ADMIN.username, ADMIN.password);
    const seats = new NedaSeats(neda.rest, accessToken);
    return {
      host: '127.0.0.1',
      port: neda.port,
      pid: neda.process.pid,
      seatGroups: (groups, seatsPerGroup) => seats.seatGroups(groups, seatsPerGroup),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
