import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RoomServiceClient } from 'livekit-server-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { environmentSchema, secretVariables } from '../../src/config-variables.ts';
import { readConfig, type Settings } from '../../src/config.ts';
import { caddyProgram } from '../_support/caddy.ts';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import { type Composition, environmentOf, onTop, readComposition, repository } from '../_support/deployment.ts';
import { findLivekitServer } from '../_support/livekit.ts';
import { freePort, freeUdpPort } from '../_support/ports.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';

const run = promisify(execFile);
const variables = { SITE_ADDRESS: 'talk.example.org', NODE_IP: '203.0.113.7' };
const livekitYaml = z.looseObject({
  port: z.int(),
  rtc: z.looseObject({ udp_port: z.int(), tcp_port: z.int() }),
  webhook: z.object({ api_key: z.string(), urls: z.array(z.string()) }),
});

/** What the health check of a service fetches. */
function healthUrlOf(service: Composition['services'][string] | undefined): string {
  const { test } = z.looseObject({ test: z.array(z.string()) }).parse(service?.healthcheck);
  return test.at(-1) ?? '';
}

/** No container engine is needed: compose reads its files, and what they start is started by hand. */
describe('compose.production.yml on top of docker-compose.yml', () => {
  let composition: Composition;
  /** Where the commands of docs/deployment.md have run. */
  let directory: string;
  let settings: Settings;

  beforeAll(async () => {
    composition = await readComposition(variables, 'production');
    directory = await makeTemporaryDirectory('production');
    const page = await readFile(join(repository, 'docs', 'deployment.md'), 'utf8');
    const [, commands = ''] = /```sh\n((?:(?!```)[^])*secrets\/database_url[^]*?)```/.exec(page) ?? [];
    await run('sh', ['-e', '-c', commands], { cwd: directory, env: bareEnvironment() });
    settings = readConfig(environmentOf(composition, 'backend'), readSecret);
  });
  afterAll(() => removeDirectory(directory));

  function readSecret(path: string): string {
    return readFileSync(join(directory, 'secrets', path.replace('/run/secrets/', '')), 'utf8');
  }

  it('says which variable is missing', async () => {
    for (const name of Object.keys(variables)) {
      const others = Object.entries(variables).filter(([other]) => other !== name);
      await expect(readComposition(Object.fromEntries(others), 'production')).rejects.toThrow(name);
    }
    const example = await readFile(join(repository, '.env.example'), 'utf8');
    const text = await readFile(join(repository, onTop.production), 'utf8');
    for (const [, name = ''] of text.matchAll(/\$\{([A-Z_]+)/g)) expect(example).toMatch(new RegExp(`^#${name}=`, 'm'));
  });

  it('publishes Caddy and the media ports of LiveKit, and nothing else', async () => {
    const published = Object.entries(composition.services).flatMap(([name, { ports }]) =>
      ports.map((port) =>
        typeof port === 'string' ? `${name} ${port}` : `${name} ${port.published}:${port.target}/${port.protocol}`,
      ),
    );
    const { rtc } = livekitYaml.parse(parse(await readFile(join(repository, 'livekit.production.yaml'), 'utf8')));
    expect(published.map((port) => port.replace(/^(\S+ \d+:\d+)$/, '$1/tcp')).toSorted()).toEqual([
      'caddy 443:443/tcp',
      'caddy 443:443/udp',
      'caddy 80:80/tcp',
      `livekit ${rtc.tcp_port}:${rtc.tcp_port}/tcp`,
      `livekit ${rtc.udp_port}:${rtc.udp_port}/udp`,
    ]);
  });

  it('locks every container: read-only, without capabilities or a way to more of them', () => {
    for (const [name, service] of Object.entries(composition.services)) {
      expect({ name, ...service }).toMatchObject({
        name,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
      });
      expect(service.healthcheck !== undefined || name === 'backend', `${name} has a health check`).toBe(true);
    }
  });

  it('keeps the stores in a network of their own with the backend, which leads nowhere', () => {
    const inStores = Object.entries(composition.services).filter(([, { networks }]) => 'stores' in networks);
    expect(inStores.map(([name]) => name).toSorted()).toEqual(['backend', 'postgres', 'redis']);
    expect(composition.networks['stores']?.internal).toBe(true);
    for (const store of ['postgres', 'redis']) {
      expect(Object.keys(composition.services[store]?.networks ?? {})).toEqual(['stores']);
    }
  });

  it('mounts files that exist, volumes that it declares, and secrets that the commands of the page make', () => {
    for (const { volumes, secrets } of Object.values(composition.services)) {
      for (const volume of volumes) {
        const source = typeof volume === 'string' ? (volume.split(':')[0] ?? '') : volume.source;
        const isThere = source.startsWith('/') ? existsSync(source) : source in composition.volumes;
        expect(isThere, `${source} exists`).toBe(true);
      }
      for (const { source } of secrets) {
        const file = composition.secrets[source]?.file ?? '';
        expect(readSecret(source).trim().length, source).toBeGreaterThanOrEqual(12);
        expect(file).toBe(join(repository, 'secrets', source));
      }
    }
    const used = Object.values(composition.services).flatMap(({ secrets }) => secrets.map(({ source }) => source));
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(composition.secrets).toSorted());
  });

  it('gives the backend a configuration for production without a fault, and no secret by value', () => {
    const environment = environmentOf(composition, 'backend');
    const known = new Set([...Object.keys(environmentSchema.shape), ...secretVariables.map((name) => `${name}_FILE`)]);
    expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
    const byValue = secretVariables.filter((name) => name in environment && name !== 'LIVEKIT_API_KEY');
    expect(byValue).toEqual(['REDIS_URL']);
    expect(new URL(environment['REDIS_URL'] ?? '').password).toBe('');

    expect(settings.environment).toBe('production');
    expect(settings.http.allowedOrigins).toEqual(['https://talk.example.org']);
    expect(settings.livekit?.publicUrl).toBe('wss://talk.example.org');
    expect(settings.firstAdmin?.username).toBe('admin');
    expect(settings.metricsToken).not.toBeNull();
    expect(settings.demoData.enabled).toBe(false);
    const listed = composition.services['backend']?.secrets.map(({ source }) => `/run/secrets/${source}`);
    const named = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'));
    expect(named.map(([, path]) => path).toSorted()).toEqual(listed?.toSorted());
  });

  it('names its own services, their ports and their passwords', async () => {
    const { host, username, password, pathname } = new URL(settings.database?.url.reveal() ?? '');
    const postgres = environmentOf(composition, 'postgres');
    expect([host, username, pathname]).toEqual([
      'postgres:5432',
      postgres['POSTGRES_USER'],
      `/${postgres['POSTGRES_DB']}`,
    ]);
    expect(readSecret(postgres['POSTGRES_PASSWORD_FILE'] ?? '').trim()).toBe(password);
    const env = { ...bareEnvironment(), ...environmentOf(composition, 'caddy') };
    const { stdout } = await run(caddyProgram, ['adapt', '--config', join(repository, 'Caddyfile')], { env });
    const dialled = [...stdout.matchAll(/"dial":"([^"]+)"/g)].map(([, place]) => place ?? '');
    expect([...new Set(dialled)].toSorted()).toEqual(['backend:8000', 'livekit:7880']);
    expect(stdout).toContain('"host":["talk.example.org"]');
    expect(stdout).toContain(`"listen":["${new URL(healthUrlOf(composition.services['caddy'])).host}"]`);
    expect(settings.http.port).toBe(8000);
  });

  it('lets the backend believe Caddy, and no other, which address a client has', () => {
    const address = composition.services['caddy']?.networks['edge']?.ipv4_address ?? '';
    expect(settings.http.trustedProxies).toEqual([address]);
    const [{ subnet = '', ip_range: others = '' } = {}] = composition.networks['edge']?.ipam?.config ?? [];
    expect(subnet).toMatch(/\.0\/24$/);
    expect(address.replace(/\d+$/, '0/24')).toBe(subnet);
    // The upper half: nobody else is given the address before Caddy starts.
    expect(others).toBe(subnet.replace('.0/24', '.128/25'));
    expect(Number(address.split('.')[3])).toBeLessThan(128);
  });

  it('starts LiveKit with the key pair of the backend, as a real livekit-server shows', async () => {
    const config = livekitYaml.parse(parse(await readFile(join(repository, 'livekit.production.yaml'), 'utf8')));
    expect(config.port).toBe(7880);
    expect(config.webhook).toEqual({
      api_key: settings.livekit?.apiKey,
      urls: ['http://backend:8000/api/v1/media/webhook'],
    });
    config.port = await freePort();
    config.rtc.tcp_port = await freePort();
    config.rtc.udp_port = await freeUdpPort();
    config['bind_addresses'] = ['127.0.0.1'];
    const file = join(directory, 'livekit.yaml');
    await writeFile(file, stringify(config));
    const [shell = '', flag = '', line = ''] = composition.services['livekit']?.entrypoint ?? [];
    const script = line
      .replaceAll('$$', '$')
      .replace('/run/secrets/', `${join(directory, 'secrets')}/`)
      .replace('/livekit-server ', `${findLivekitServer()} `)
      .replace('/etc/livekit.yaml', file);
    const server = new ChildServer({
      name: 'livekit-server',
      file: shell,
      args: [flag, script],
      env: { ...bareEnvironment(), ...environmentOf(composition, 'livekit') },
      cwd: directory,
    });
    try {
      const host = `http://127.0.0.1:${config.port}`;
      await server.untilReady(async () => (await fetch(host)).ok, 20_000);
      const { apiKey = '', apiSecret } = settings.livekit ?? {};
      expect(await new RoomServiceClient(host, apiKey, apiSecret?.reveal()).listRooms()).toEqual([]);
      await server.untilOutput(/203\.0\.113\.7/, 20_000);
    } finally {
      await server.kill();
    }
  });
});
