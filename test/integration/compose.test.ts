import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { environmentSchema } from '../../src/config-variables.ts';
import { readConfig } from '../../src/config.ts';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import {
  type Composition,
  copiedPaths,
  environmentOf,
  type Instruction,
  onTop,
  readComposition,
  readDockerfile,
  repository,
} from '../_support/deployment.ts';
import { findLivekitServer } from '../_support/livekit.ts';
import { freePort } from '../_support/ports.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';

const SERVICES = ['backend', 'livekit', 'postgres', 'redis'];
const FOR_COMPOSE_ONLY = ['POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'];

const livekitYaml = z.looseObject({
  port: z.int(),
  rtc: z.looseObject({ tcp_port: z.int(), port_range_start: z.int(), port_range_end: z.int(), node_ip: z.string() }),
  webhook: z.object({ urls: z.array(z.string()) }),
});

describe('docker-compose.yml with its override', () => {
  let composition: Composition;
  let text: string;
  beforeAll(async () => {
    composition = await readComposition();
    text = await readFile(join(repository, onTop.development), 'utf8');
  });

  it('has the four services, each with a pinned image and a health check, the backend after the healthy others', () => {
    expect(Object.keys(composition.services).sort()).toEqual(SERVICES);
    const { backend, ...others } = composition.services;
    for (const service of Object.values(others)) {
      expect(service.image).toMatch(/^[a-z/-]+:v?\d+(\.\d+)*(-alpine)?$/);
      expect(service.healthcheck).toBeDefined();
    }
    const healthy = { condition: 'service_healthy' };
    expect(backend?.depends_on).toMatchObject({ postgres: healthy, redis: healthy, livekit: healthy });
  });

  it('publishes on loopback only', () => {
    const published = Object.values(composition.services).flatMap(({ ports }) => ports);
    expect(published.length).toBeGreaterThanOrEqual(4);
    for (const port of published) {
      expect(typeof port === 'string' ? port.split(':')[0] : port.host_ip).toBe('127.0.0.1');
    }
  });

  it('mounts files that exist and volumes that it declares', () => {
    for (const volume of Object.values(composition.services).flatMap(({ volumes }) => volumes)) {
      const source = typeof volume === 'string' ? (volume.split(':')[0] ?? '') : volume.source;
      const isThere = source.startsWith('/') ? existsSync(source) : Object.keys(composition.volumes).includes(source);
      expect(isThere, `${source} exists`).toBe(true);
    }
  });

  it('gives the backend only variables that the server reads, and a configuration without a fault', () => {
    const known = Object.keys(environmentSchema.shape);
    const given = Object.keys(composition.services['backend']?.environment ?? {});
    expect(given.filter((name) => !known.includes(name))).toEqual([]);

    const settings = readConfig(environmentOf(composition, 'backend'));
    expect(settings.environment).toBe('development');
    expect(settings.demoData.password?.reveal()).toBe('push-to-talk');
    expect(settings.redis).not.toBeNull();
    expect(settings.livekit?.publicUrl).toBe('ws://127.0.0.1:7880');
  });

  it('names its own services and their ports in the URLs of the backend', () => {
    const env = environmentOf(composition, 'backend');
    const places = ['DATABASE_URL', 'REDIS_URL', 'LIVEKIT_HOST'].map((name) => new URL(env[name] ?? '').host);
    expect(places).toEqual(['postgres:5432', 'redis:6379', 'livekit:7880']);
  });

  it('gives both sides the same database and the same key pair, also when .env sets them', async () => {
    for (const variables of [
      {},
      {
        POSTGRES_DB: 'talks',
        POSTGRES_USER: 'nina',
        POSTGRES_PASSWORD: 'pw1',
        LIVEKIT_API_KEY: 'k',
        LIVEKIT_API_SECRET: 's3',
      },
    ]) {
      const composed = await readComposition(variables);
      const postgres = environmentOf(composed, 'postgres');
      const backend = environmentOf(composed, 'backend');
      const { username, password, pathname } = new URL(backend['DATABASE_URL'] ?? '');
      expect([username, password, pathname.slice(1)]).toEqual([
        postgres['POSTGRES_USER'],
        postgres['POSTGRES_PASSWORD'],
        postgres['POSTGRES_DB'],
      ]);
      expect(environmentOf(composed, 'livekit')['LIVEKIT_KEYS']).toBe(
        `${backend['LIVEKIT_API_KEY']}: ${backend['LIVEKIT_API_SECRET']}`,
      );
      expect(environmentOf(composed, 'livekit')['LIVEKIT_WEBHOOK_API_KEY']).toBe(backend['LIVEKIT_API_KEY']);
    }
  });

  it('asks .env for nothing that .env.example does not explain', async () => {
    const example = await readFile(join(repository, '.env.example'), 'utf8');
    const asked = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name ?? '');
    expect(asked).toEqual(expect.arrayContaining(FOR_COMPOSE_ONLY));
    for (const name of asked) expect(example).toMatch(new RegExp(`^#?${name}=`, 'm'));
  });

  it('publishes exactly the ports that livekit.yaml opens', async () => {
    const { port, rtc } = livekitYaml.parse(parse(await readFile(join(repository, 'livekit.yaml'), 'utf8')));
    expect(rtc.node_ip).toBe('127.0.0.1');
    const range = `${rtc.port_range_start}-${rtc.port_range_end}`;
    expect(text).toContain(`- 127.0.0.1:${port}:${port}\n`);
    expect(text).toContain(`- 127.0.0.1:${rtc.tcp_port}:${rtc.tcp_port}\n`);
    expect(text).toContain(`- 127.0.0.1:${range}:${range}/udp\n`);
  });
});

describe('livekit.yaml', () => {
  it('tells the backend what happens in the rooms', async () => {
    const { webhook } = livekitYaml.parse(parse(await readFile(join(repository, 'livekit.yaml'), 'utf8')));
    const { PORT } = environmentOf(await readComposition(), 'backend');
    expect(webhook.urls).toEqual([`http://backend:${PORT}/api/v1/media/webhook`]);
  });

  it('is accepted by livekit-server with the keys that compose gives it', async () => {
    const { LIVEKIT_KEYS = '', LIVEKIT_WEBHOOK_API_KEY = '' } = environmentOf(await readComposition(), 'livekit');
    const config = livekitYaml.parse(parse(await readFile(join(repository, 'livekit.yaml'), 'utf8')));
    config.port = await freePort();
    config.rtc.tcp_port = await freePort();
    const directory = await makeTemporaryDirectory('livekit-yaml');
    await writeFile(join(directory, 'livekit.yaml'), stringify(config));
    const server = new ChildServer({
      name: 'livekit-server',
      file: findLivekitServer(),
      args: ['--config', 'livekit.yaml'],
      env: { ...bareEnvironment(), LIVEKIT_KEYS, LIVEKIT_WEBHOOK_API_KEY },
      cwd: directory,
    });
    try {
      await server.untilReady(async () => (await fetch(`http://127.0.0.1:${config.port}`)).ok, 30_000);
    } finally {
      await server.kill();
      await removeDirectory(directory);
    }
  });
});

describe('Dockerfile', () => {
  let instructions: Instruction[];
  beforeAll(async () => {
    instructions = await readDockerfile();
  });

  it('builds on the Node line that the project runs on, in three stages', async () => {
    const manifest = z
      .object({ devDependencies: z.looseObject({ node: z.string() }) })
      .parse(JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')));
    const major = manifest.devDependencies.node.split('.')[0];
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest);
    const base = `node:${major}-slim`;
    expect(bases).toEqual([`${base} AS dependencies`, `${base} AS talk-page`, base]);
  });

  it('copies what exists and starts a file that it copied', () => {
    const paths = copiedPaths(instructions).map(({ path }) => path);
    expect(paths.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
    expect(paths).toEqual(expect.arrayContaining(['src', 'migrations', 'package.json', 'package-lock.json']));
    expect(instructions.at(-1)).toEqual({ name: 'CMD', rest: '["node", "src/main.ts"]' });
  });

  it('runs as a user who may do little, and has a health check', () => {
    const names = instructions.map(({ name }) => name);
    expect(instructions).toContainEqual({ name: 'USER', rest: 'node' });
    expect(names.indexOf('USER')).toBeLessThan(names.indexOf('CMD'));
    expect(instructions.find(({ name }) => name === 'HEALTHCHECK')?.rest).toContain('/readyz');
  });
});
