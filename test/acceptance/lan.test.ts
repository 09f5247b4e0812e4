import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../_support/command.ts';
import { listeningAddresses } from '../_support/listening.ts';
import { findLivekitServer } from '../_support/livekit.ts';
import { launchNeda, startNeda, type Neda, type NedaOptions } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createEmptyDatabase } from '../_support/postgres.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { UpgradeRefused, WsClient } from '../_support/ws-client.ts';

/** Tests listen in the network, with demo users whose password nobody knows, and speak over 127.0.0.1 only. */

const machine = Object.values(networkInterfaces())
  .flatMap((infos) => infos ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)
  .map(({ address }) => address);
/** Of several any will do; on a machine outside all networks there is nothing to listen at, and that is tested. */
const [address] = machine;
const lan = address === undefined ? ['--lan'] : [`--lan=${address}`];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function emptyDatabase(): Promise<string> {
  const database = await createEmptyDatabase();
  cleanups.push(() => database[Symbol.asyncDispose]());
  return database.url;
}

async function directory(): Promise<string> {
  const path = await makeTemporaryDirectory('lan');
  cleanups.push(() => removeDirectory(path));
  return path;
}

async function started(options: NedaOptions): Promise<Neda> {
  const neda = await startNeda(options);
  cleanups.push(() => neda[Symbol.asyncDispose]());
  await neda.process.untilOutput(/Stop +Ctrl-C/, 30_000);
  return neda;
}

async function refused(options: NedaOptions): Promise<{ code: number | null; output: string }> {
  const neda = await launchNeda(options);
  cleanups.push(() => neda[Symbol.asyncDispose]());
  return { code: await neda.process.untilExit(30_000), output: neda.process.output };
}

function demoPassword(neda: Neda): string {
  const [, password = ''] = /Demo logins .*\(password: ([^,)]+)/.exec(neda.process.output) ?? [];
  expect(password).not.toBe('');
  return password;
}

async function loginStatus(neda: Neda, password: string): Promise<number> {
  const body = { username: 'alice', password, device: { name: 'test', kind: 'other' } };
  return (await neda.rest.request('POST', '/api/v1/auth/login', { body })).status;
}

describe('npm start -- --lan', { timeout: 300_000 }, () => {
  it('listens in the network and on loopback, lets pages of both connect, and pairs a device', async () => {
    const databaseUrl = await emptyDatabase();
    if (address === undefined) {
      const { code, output } = await refused({ databaseUrl, args: lan });
      expect(code).toBe(1);
      expect(output).toMatch(/^--lan: this machine has no IPv4 address in a network\./m);
      return;
    }
    const path = [dirname(findLivekitServer()), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
    const neda = await started({ databaseUrl, args: lan, env: { RATE_LIMITS: 'on', PATH: path } });
    const { port, rest } = neda;
    const { output } = neda.process;
    expect(listeningAddresses(port)).toEqual([address, '127.0.0.1'].toSorted());
    expect(output).toContain(`http://${address}:${port} `);
    expect(output).toContain(`LAN_ADDRESS=${address} PORT=${port} caddy run --config `);
    expect(output).toMatch(/Warning +(?:everybody in this network|.* public address)/);

    for (const origin of [`http://${address}:${port}`, `https://${address}:8443`, neda.origin]) {
      const socket = await WsClient.connect(neda.origin, { headers: { origin } });
      await socket.close();
      expect(
        (await rest.request('GET', '/livez', { headers: { origin } })).headers.get('access-control-allow-origin'),
      ).toBe(origin);
    }
    for (const origin of [`http://${address}:${port + 1}`, 'https://192.0.2.77:8443']) {
      await expect(WsClient.connect(neda.origin, { headers: { origin } })).rejects.toThrow(UpgradeRefused);
    }

    const [, code = ''] =
      /Pair with +([A-Z]{4}-[A-Z]{4}) +\(one device, as alice, within 10 minutes\)/.exec(output) ?? [];
    const body = { code, device: { name: 'Wrist', kind: 'watch' } };
    expect(await rest.expect(200, 'POST', '/api/v1/auth/pair', { body })).toMatchObject({
      user: { username: 'alice' },
    });
    expect(await rest.expectProblem(401, 'POST', '/api/v1/auth/pair', { body })).toMatchObject({
      code: 'invalid_credentials',
    });

    expect(await loginStatus(neda, 'push-to-talk')).toBe(401);
    expect(await loginStatus(neda, demoPassword(neda))).toBe(200);

    // Ten wrong codes of one address in a minute are the limit: each of these came, says the proxy, from another.
    for (let device = 1; device <= 12; device += 1) {
      const headers = { 'x-forwarded-for': `198.51.100.${device}` };
      const wrong = { code: 'BBBB-BBBB', device: { name: 'Wrist', kind: 'watch' } };
      await rest.expectProblem(401, 'POST', '/api/v1/auth/pair', { body: wrong, headers });
    }

    // LiveKit beside it would be reached from this machine only: part of a group would not hear the rest.
    expect(output).toMatch(/Media +none: voice goes over the WebSocket alone/);
    expect(await rest.expect(200, 'GET', '/health')).toMatchObject({ dependencies: { livekit: { status: 'off' } } });

    const { accessToken } = await rest.login('bob', demoPassword(neda));
    const watch = await WsClient.signIn(neda.origin, accessToken);
    const group = await rest.groupNamed(accessToken, 'Team');
    const joined = await watch.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: group.id, audio: true });
    expect(joined).toMatchObject({ media: { kind: 'relay' } });
    expect(await neda.stop()).toBe(0);
    expect(await watch.closed()).toMatchObject({ code: 4000 });
    await neda.expectNothingLeft();
  });

  it('takes the known password from demo users who had it on loopback, and gives it back there alone', async () => {
    const [databaseUrl, home] = [await emptyDatabase(), await directory()];
    const first = await started({ databaseUrl, directory: home });
    expect(demoPassword(first)).toBe('push-to-talk');
    expect(await loginStatus(first, 'push-to-talk')).toBe(200);
    expect(listeningAddresses(first.port)).toEqual(['127.0.0.1']);
    expect(first.process.output).not.toMatch(/Pair with|In the LAN/);
    expect(await first.stop()).toBe(0);

    const second = await started({ databaseUrl, directory: home, env: { HOST: '0.0.0.0' } });
    const password = demoPassword(second);
    expect(await loginStatus(second, 'push-to-talk')).toBe(401);
    expect(await loginStatus(second, password)).toBe(200);
    expect(await second.stop()).toBe(0);
    if (address === undefined) return;

    const third = await started({ databaseUrl, directory: home, args: lan });
    expect(demoPassword(third)).toBe(password);
    expect(await loginStatus(third, password)).toBe(200);
    expect(await third.stop()).toBe(0);

    const fourth = await started({ databaseUrl, directory: home });
    expect(await loginStatus(fourth, 'push-to-talk')).toBe(200);
    expect(await loginStatus(fourth, password)).toBe(401);
    expect(await fourth.stop()).toBe(0);

    const env = {
      DEMO_DATA: 'off',
      DEMO_PASSWORD: 'of my own choice',
      LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: 'a secret of some server that is away',
    };
    const fifth = await started({ databaseUrl, directory: home, args: lan, env });
    await fifth.process.untilOutput(/these users had the demo password.*"admin","alice","bob","carol"/, 15_000);
    await fifth.process.untilOutput(/LIVEKIT_PUBLIC_URL is on loopback/, 15_000);
    const { output } = fifth.process;
    expect(output).toMatch(/Pair with +a code from: npm run admin -- pairing-code/);
    expect(output).not.toContain('Demo logins');
    expect(await loginStatus(fifth, 'push-to-talk')).toBe(401);
    expect(await loginStatus(fifth, env.DEMO_PASSWORD)).toBe(200);
    expect(await fifth.stop()).toBe(0);
  });
});

describe('a start in the network that cannot be', { timeout: 120_000 }, () => {
  const run = async (env: Record<string, string>, ...args: string[]) =>
    runCommand(args, { directory: await directory(), env: { PORT: String(await freePort()), ...env } });

  it('is refused at an address that is not of this machine', async () => {
    const { code, stderr } = await run({}, '--lan=192.0.2.77');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^--lan=192\.0\.2\.77: this machine has no such IPv4 address/m);
  });

  it('names a port that is taken in the network', async () => {
    const other = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => {
      other.listen(port, address ?? '127.0.0.1', resolve);
    });
    cleanups.push(async () => other.close());
    const { code, stderr } = await run({ PORT: String(port) }, ...lan);
    expect(code).toBe(1);
    expect(stderr).toContain(
      address === undefined ? 'no IPv4 address in a network' : `PORT: ${port} on ${address} is in use.`,
    );
  });

  it('is refused in production, and beside HOST, as every fault of the configuration', async () => {
    const inProduction = await run({ NODE_ENV: 'production' }, '--lan');
    expect(inProduction.code).toBe(78);
    expect(inProduction.stderr).toMatch(/^ {2}--lan: is for development, and NODE_ENV is production$/m);
    expect(inProduction.stderr).toContain('SECRET_KEY:');
    const besideHost = await run({ HOST: '0.0.0.0' }, '--lan');
    expect(besideHost.code).toBe(78);
    expect(besideHost.stderr).toMatch(/^ {2}HOST: is 0\.0\.0\.0, and --lan listens at/m);
  });

  it('is refused with the usage when the words are wrong, and explained by --help', async () => {
    const wrong = await run({}, '--network');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('npm start [-- --lan[=ADDRESS]]');
    const help = await run({}, '--lan', '--help');
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('--lan=ADDRESS');
  });
});
