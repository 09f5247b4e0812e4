import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findLivekitServer } from '../_support/livekit.ts';
import { startNeda, type Neda } from '../_support/neda.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

/** A start of a server on a busy machine, with a recovery of its data. */
const BACK_MS = 30_000;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function withBothServers(): Promise<Neda> {
  const PATH = [dirname(findLivekitServer()), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  const neda = await startNeda({ env: { PATH } });
  cleanups.push(() => neda[Symbol.asyncDispose]());
  return neda;
}

async function pidIn(neda: Neda, ...file: string[]): Promise<number> {
  return Number((await readFile(join(neda.directory, '.neda', ...file), 'utf8')).split('\n')[0]);
}
const postgresPid = (neda: Neda): Promise<number> => pidIn(neda, 'postgres', 'postmaster.pid');
const livekitPid = (neda: Neda): Promise<number> => pidIn(neda, 'livekit.pid');

/** Lines that tell of a server which ended by itself. */
function told(neda: Neda, server: string): string[] {
  return neda.process.output
    .split('\n')
    .filter((line) => line.includes('started beside this process') && line.includes(`"server":"${server}"`));
}

async function untilTold(neda: Neda, server: string): Promise<void> {
  await until(() => told(neda, server).length > 0, {
    limitMs: BACK_MS,
    describe: () => `it says that ${server} was started again. It wrote:\n${neda.process.output}`,
  });
}

describe('a server beside this process that is killed', { timeout: 120_000 }, () => {
  it('is started again where it was, and talks go on', async () => {
    const neda = await withBothServers();
    const logins = { alice: await neda.rest.login('alice'), bob: await neda.rest.login('bob') };
    const group = await neda.rest.groupNamed(logins.alice.accessToken, 'Team');
    const alice = await WsClient.signIn(neda.origin, logins.alice.accessToken);
    const bob = await WsClient.signIn(neda.origin, logins.bob.accessToken);
    cleanups.push(async () => [alice, bob].forEach((client) => client.terminate()));
    const here = { groupId: group.id };
    const joined = await bob.expect('GROUP_JOINED', 'JOIN_GROUP', here);
    await alice.expect('GROUP_JOINED', 'JOIN_GROUP', here);
    const { talkId } = await alice.expect('TALK_GRANTED', 'REQUEST_TALK', here);

    const killed = { postgres: await postgresPid(neda), livekit: await livekitPid(neda) };
    process.kill(killed.postgres, 'SIGKILL');
    process.kill(killed.livekit, 'SIGKILL');
    // Neither is needed for a talk that is open, nor for its end.
    expect(await bob.expect('TALK_DENIED', 'REQUEST_TALK', here)).toMatchObject({ cause: 'busy' });
    expect(await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { ...here, talkId })).toMatchObject({ released: true });
    await untilTold(neda, 'PostgreSQL');
    await untilTold(neda, 'livekit-server');
    expect(await postgresPid(neda)).not.toBe(killed.postgres);
    expect(await livekitPid(neda)).not.toBe(killed.livekit);

    await until(async () => (await neda.rest.request('GET', '/health')).text.includes('"status":"ok","version"'), {
      limitMs: BACK_MS,
      describe: () => 'all is well again',
    });
    const again = await neda.rest.login('carol');
    await neda.rest.expect(200, 'GET', '/api/v1/auth/me', { token: again.accessToken });
    const granted = await bob.expect('TALK_GRANTED', 'REQUEST_TALK', here);
    expect(granted['media']).toMatchObject({ kind: 'livekit', url: urlOf(joined) });
    await bob.expect('TALK_RELEASED', 'RELEASE_TALK', here);

    expect(told(neda, 'PostgreSQL')).toHaveLength(1);
    expect(told(neda, 'livekit-server')).toHaveLength(1);
    expect(await neda.stop()).toBe(0);
    await neda.expectNothingLeft();
  });

  it('is not started again by a process that stops', async () => {
    const neda = await withBothServers();
    const killed = [await postgresPid(neda), await livekitPid(neda)];
    // It hears of all of it at once.
    neda.pause();
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    neda.process.signalOnlyThis('SIGTERM');
    neda.resume();
    await neda.process.untilExit(20_000);
    await neda.expectNothingLeft();
    expect([...told(neda, 'PostgreSQL'), ...told(neda, 'livekit-server')]).toEqual([]);
  });
});

function urlOf({ media }: { readonly [field: string]: unknown }): unknown {
  return typeof media === 'object' && media !== null && 'url' in media ? media.url : undefined;
}
