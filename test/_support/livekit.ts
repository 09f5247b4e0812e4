import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bareEnvironment, ChildServer } from './child-server.ts';
import { freePort, freeUdpPort } from './ports.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

const READY_LIMIT_MS = 30_000;
const VERSION = 'v1.13.5';

/** A real livekit-server on loopback. */
export interface TestLivekit {
  /** For `LIVEKIT_HOST`. */
  readonly host: string;
  /** For `LIVEKIT_PUBLIC_URL`. */
  readonly publicUrl: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  /** These four as environment variables of the server. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Starts again on the same ports after `stop` or `kill`. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts livekit-server on free ports; it posts its events to `webhookUrl` when one is given. */
export async function startLivekit(options: { readonly webhookUrl?: string } = {}): Promise<TestLivekit> {
  const directory = await makeTemporaryDirectory('livekit');
  const [port, udpPort, stunPort] = [await freePort(), await freeUdpPort(), await freeUdpPort()];
  const apiKey = 'devkey';
  const apiSecret = randomBytes(24).toString('hex');
  const config = {
    port,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      udp_port: udpPort,
      tcp_port: 0,
      node_ip: '127.0.0.1',
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      // Nobody answers there: without an entry livekit-server asks public STUN servers.
      stun_servers: [`127.0.0.1:${stunPort}`],
    },
    keys: { [apiKey]: apiSecret },
    room: {
      auto_create: true,
      empty_timeout: 30,
      departure_timeout: 5,
      enable_remote_unmute: false,
      enabled_codecs: [{ mime: 'audio/opus' }, { mime: 'audio/red' }, { mime: 'video/vp8' }],
    },
    ...(options.webhookUrl === undefined ? {} : { webhook: { api_key: apiKey, urls: [options.webhookUrl] } }),
    logging: { level: 'warn' },
  };
  const configFile = join(directory, 'livekit.yaml');
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config));

  const launch = (): ChildServer =>
    new ChildServer({
      name: 'livekit-server',
      file: findLivekitServer(),
      args: ['--config', configFile],
      env: bareEnvironment(),
      cwd: directory,
    });
  const host = `http://127.0.0.1:${port}`;
  let server = launch();
  // A fault in the configuration ends it with status 0: only an answer proves that it runs.
  const untilReady = (): Promise<void> => server.untilReady(async () => (await fetch(host)).ok, READY_LIMIT_MS);
  await untilReady();

  const publicUrl = host.replace('http', 'ws');
  const stop = async (): Promise<void> => {
    // SIGTERM alone waits for participants to leave.
    if (server.running) await server.kill();
  };
  return {
    host,
    publicUrl,
    apiKey,
    apiSecret,
    env: {
      LIVEKIT_HOST: host,
      LIVEKIT_PUBLIC_URL: publicUrl,
      LIVEKIT_API_KEY: apiKey,
      LIVEKIT_API_SECRET: apiSecret,
    },
    stop,
    kill: () => server.kill(),
    start: async () => {
      if (server.running) throw new Error('livekit-server runs already');
      server = launch();
      await untilReady();
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: async () => {
      await stop();
      await removeDirectory(directory);
    },
  };
}

/** `LIVEKIT_SERVER`, else livekit-server on PATH, else where `npm test` puts it. */
export function findLivekitServer(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const candidates = [
    process.env['LIVEKIT_SERVER'],
    ...(process.env['PATH'] ?? '').split(':').map((directory) => join(directory, 'livekit-server')),
    join(cache, 'neda', 'livekit-server', VERSION, 'livekit-server'),
  ];
  for (const file of candidates) {
    if (file !== undefined && isExecutable(file)) return file;
  }
  throw new Error('livekit-server is not here: `npm run test:setup` puts it there');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
