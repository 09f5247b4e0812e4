import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packetsOf } from '../_support/audio.ts';
import { startBrowser, type TestBrowser } from '../_support/browser.ts';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { enterGroup, signIn } from '../_support/talk-page.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

/** Caddyfile.lan as docs/lan.md has it, with 127.0.0.1 for the address in the network. */

const address = '127.0.0.1';

let database: TestDatabase;
let directory: string;
let neda: Neda;
let browser: TestBrowser;
let caddy: ChildServer;
let httpsPort: number;
let secure: string;

beforeAll(async () => {
  [database, directory, httpsPort] = await Promise.all([createDatabase(), makeTemporaryDirectory('caddy'), freePort()]);
  secure = `https://${address}:${httpsPort}`;
  [neda, browser] = await Promise.all([
    startNeda({ databaseUrl: database.url, env: { ALLOWED_ORIGINS: secure, TRUSTED_PROXIES: 'loopback' } }),
    startBrowser(),
  ]);
  caddy = new ChildServer({
    name: 'caddy',
    file: process.env['CADDY'] ?? 'caddy',
    args: ['run', '--config', 'Caddyfile.lan'],
    cwd: repository,
    env: {
      ...bareEnvironment(),
      HOME: directory,
      XDG_CONFIG_HOME: directory,
      XDG_DATA_HOME: directory,
      LAN_ADDRESS: address,
      HTTPS_PORT: String(httpsPort),
      PORT: String(neda.port),
    },
  });
  await caddy.untilOutput(/certificate obtained successfully/, 30_000);
});

afterAll(async () => {
  await caddy.stop();
  await browser[Symbol.asyncDispose]();
  await neda[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await removeDirectory(directory);
});

it('has a certificate of the address that was dialled, by the root that docs/lan.md names', async () => {
  const root = await readFile(join(directory, 'caddy', 'pki', 'authorities', 'local', 'root.crt'));
  const body = await new Promise<string>((resolve, reject) => {
    get(`${secure}/readyz`, { ca: root }, (response) => {
      text(response).then(resolve, reject);
    }).on('error', reject);
  });
  expect(JSON.parse(body)).toMatchObject({ status: 'ok' });
});

it('gives the talk page the microphone, and carries a talk', async () => {
  const { page, complaints } = await browser.newPage({ passesWarnings: true });
  await signIn(page, secure, 'bob');
  expect(await page.evaluate<boolean>('isSecureContext')).toBe(true);
  await enterGroup(page, 'Team');

  const { accessToken } = await neda.rest.login('alice');
  const group = await neda.rest.groupNamed(accessToken, 'Team');
  const alice = await WsClient.signIn(neda.origin, accessToken);
  await alice.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: group.id, audio: true });
  await page.keyboard.down(' ');
  const started = await alice.waitFor(({ type }) => type === 'TALK_STARTED', { limitMs: 20_000 });
  await until(() => packetsOf(alice).length >= 10, { limitMs: 20_000, describe: () => 'Alice hears ten packets' });
  await page.keyboard.up(' ');
  await alice.waitFor(({ type, ['cause']: cause }) => type === 'TALK_ENDED' && cause === 'released', {
    limitMs: 20_000,
  });
  expect(packetsOf(alice)[0]).toMatchObject({ streamId: started['streamId'], number: 0 });
  expect(complaints).toEqual([]);
  await alice.close();
});
