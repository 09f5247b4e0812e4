import { expect } from 'vitest';
import { until } from '../_support/until.ts';
import type { ServerMessage } from '../_support/wire.ts';
import type { WsClient } from '../_support/ws-client.ts';

/** Longer than a lease and the quiet time of a new store together. */
export const RECOVERY_MS = 20_000;
/** New work is refused so soon while Redis is silent: 300 ms, and what a busy machine adds. */
export const QUICK_MS = 1_500;

/** Asks until the floor is granted; the answers before must be `unavailable`. */
export function grantedAgain(client: WsClient, groupId: string): Promise<ServerMessage> {
  return until(
    async () => {
      const answer = await client.request('REQUEST_TALK', { groupId });
      if (answer.type === 'TALK_GRANTED') return answer;
      expect(answer).toMatchObject({ type: 'TALK_DENIED', cause: 'unavailable' });
      return undefined;
    },
    { limitMs: RECOVERY_MS, everyMs: 200, describe: () => client.describe() },
  );
}
