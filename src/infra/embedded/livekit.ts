/** A livekit-server beside this process, for development: found on PATH, on loopback, with a key pair of its own. */
import { accessSync, constants, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveKitConfig, Secret } from '../../config.ts';
import { lockOwner, takeLock } from './folder-lock.ts';
import { freeTcpPort, freeUdpPort } from './free-port.ts';
import { startGuarded, type GuardedChild } from './guarded-child.ts';
import { type EmbeddedLog, keepServer } from './kept-server.ts';
import { processIdentity } from './process-identity.ts';

const readyMs = 5000;

export type LiveKitStart =
  | {
      readonly kind: 'started';
      readonly livekit: LiveKitConfig;
      /** Until then it is started again when it ends by itself. */
      stop(): Promise<void>;
    }
  /** Another process on this data folder runs one: both use it, as they share their groups. */
  | { readonly kind: 'shared'; readonly livekit: LiveKitConfig; readonly ownerPid: number }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'failed'; readonly reason: string };

/** The server's executable in the folders of `searchPath` (the text of PATH), or `null`. */
function findLiveKit(searchPath: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, 'livekit-server');
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return null;
}

/**
 * Starts the server when there is one; never throws because of it: without a media server the rest works.
 * @param options.webhookUrl where LiveKit reports who joined and published
 */
export async function startEmbeddedLiveKit(options: {
  readonly dataDir: string;
  readonly searchPath: string;
  readonly apiKey: string;
  readonly apiSecret: Secret;
  readonly webhookUrl: string;
  readonly pid: number;
  readonly log: EmbeddedLog;
  readonly ending: AbortSignal;
}): Promise<LiveKitStart> {
  const executable = findLiveKit(options.searchPath);
  if (executable === null) return { kind: 'not_found' };
  const configFile = join(options.dataDir, 'livekit.yaml');
  const lock = takeLock(join(options.dataDir, 'livekit.lock'), options.pid);
  if (!lock.taken) return sharedWith(lock.ownerPid, configFile, options);

  let outcome: LiveKitStart = { kind: 'failed', reason: 'it was not tried' };
  try {
    await clearLeftover(options.dataDir, configFile);
    outcome = await bringUp(executable, configFile, options);
  } catch (error) {
    outcome = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
  if (outcome.kind !== 'started') {
    lock.release();
    return outcome;
  }
  const started = outcome;
  return {
    ...started,
    stop: async () => {
      await started.stop();
      rmSync(join(options.dataDir, 'livekit.pid'), { force: true });
      lock.release();
    },
  };
}

async function bringUp(
  executable: string,
  configFile: string,
  options: Parameters<typeof startEmbeddedLiveKit>[0],
): Promise<LiveKitStart> {
  const port = await freeTcpPort(7880);
  const mediaPort = await freeUdpPort(7882);
  const apiSecret = options.apiSecret.reveal();
  const config = {
    port,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      udp_port: mediaPort,
      tcp_port: 0,
      node_ip: '127.0.0.1',
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: loopbackInterfaces() },
      stun_servers: ['127.0.0.1:3478'],
    },
    keys: { [options.apiKey]: apiSecret },
    room: {
      auto_create: true,
      empty_timeout: 30,
      departure_timeout: 5,
      enabled_codecs: [{ mime: 'audio/opus' }, { mime: 'audio/red' }, { mime: 'video/vp8' }],
      enable_remote_unmute: false,
    },
    webhook: { api_key: options.apiKey, urls: [options.webhookUrl] },
    logging: { level: 'info' },
  };
  // JSON is YAML; mode 0600 counts only for a file that is made, so the old one goes first.
  rmSync(configFile, { force: true });
  writeFileSync(configFile, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });

  const host = `http://127.0.0.1:${port}`;
  const logFile = join(options.dataDir, 'livekit.log');
  const start = async (again: AbortSignal | null): Promise<GuardedChild | null> => {
    const child = await startGuarded({
      command: executable,
      args: ['--config', configFile],
      cwd: options.dataDir,
      logFile,
      keepsLog: again !== null,
      stopSignals: [
        ['SIGTERM', 1000],
        ['SIGTERM', 1000],
      ],
    });
    writeFileSync(join(options.dataDir, 'livekit.pid'), String(child.pid));
    if (await answers(child, host, again)) return child;
    await child.stop();
    return null;
  };
  const child = await start(null);
  if (child === null) return { kind: 'failed', reason: `it does not answer on ${host}; its output is in ${logFile}` };
  const server = keepServer({
    name: 'livekit-server',
    logFile,
    child,
    startAgain: start,
    log: options.log,
    ending: options.ending,
  });
  return {
    kind: 'started',
    livekit: { host, publicUrl: `ws://127.0.0.1:${port}`, apiKey: options.apiKey, apiSecret: options.apiSecret },
    stop: () => server.stop(),
  };
}

function loopbackInterfaces(): string[] {
  return Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some((address) => address.internal))
    .map(([name]) => name);
}

/** A faulty configuration ends the server with status 0, so only its answer counts. */
async function answers(child: GuardedChild, host: string, unwanted: AbortSignal | null): Promise<boolean> {
  const until = performance.now() + readyMs;
  while (performance.now() < until && !child.hasExited() && unwanted?.aborted !== true) {
    try {
      const response = await fetch(host, { signal: AbortSignal.timeout(500) });
      await response.body?.cancel();
      if (response.ok && !child.hasExited()) return true;
    } catch {
      // not listening yet
    }
    await sleep(20);
  }
  return false;
}

async function clearLeftover(dataDir: string, configFile: string): Promise<void> {
  const pidFile = join(dataDir, 'livekit.pid');
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return;
  }
  const isOurs = (): boolean => processIdentity(pid)?.command.includes(configFile) ?? false;
  const until = performance.now() + 3000;
  while (isOurs() && performance.now() < until) {
    kill(pid, 'SIGKILL');
    await sleep(25);
  }
  rmSync(pidFile, { force: true });
}

/** What a start would find, without starting: a server that runs on the data folder, one on `searchPath`, or none. */
export function findEmbeddedLiveKit(options: {
  readonly dataDir: string;
  readonly searchPath: string;
  readonly apiKey: string;
  readonly apiSecret: Secret;
}): Extract<LiveKitStart, { kind: 'shared' | 'not_found' | 'failed' }> | { readonly kind: 'startable' } {
  const ownerPid = lockOwner(join(options.dataDir, 'livekit.lock'));
  if (ownerPid !== null) return sharedWith(ownerPid, join(options.dataDir, 'livekit.yaml'), options);
  return findLiveKit(options.searchPath) === null ? { kind: 'not_found' } : { kind: 'startable' };
}

function sharedWith(
  ownerPid: number,
  configFile: string,
  options: { readonly apiKey: string; readonly apiSecret: Secret },
): Extract<LiveKitStart, { kind: 'shared' | 'failed' }> {
  try {
    const config: unknown = JSON.parse(readFileSync(configFile, 'utf8'));
    if (typeof config === 'object' && config !== null && 'port' in config && typeof config.port === 'number') {
      const { apiKey, apiSecret } = options;
      const address = `127.0.0.1:${config.port}`;
      return {
        kind: 'shared',
        livekit: { host: `http://${address}`, publicUrl: `ws://${address}`, apiKey, apiSecret },
        ownerPid,
      };
    }
  } catch {
    // the owner has not written it yet
  }
  return { kind: 'failed', reason: `process ${ownerPid} is just starting it; start again` };
}
