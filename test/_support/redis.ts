import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { bareEnvironment, ChildServer } from './child-server.ts';
import { freePort } from './ports.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';
import { until } from './until.ts';

const READY_LIMIT_MS = 30_000;
const REPLY_LIMIT_MS = 15_000;

/** A real redis-server of one test file. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Runs one command by the inline protocol and returns the raw reply, e.g. `redis.command('GET x')`. */
  command(line: string): Promise<string>;
  /** Stops cleanly; with persistence on, data is kept for `start`. Nothing listens on the port then. */
  stop(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts again on the same port and directory after `stop` or `kill`. */
  start(): Promise<void>;
  /** Freezes the process: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Stops it for good and removes its directory. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts redis-server on a free port in a directory of its own, without persistence. `config` is redis.conf as an
 * object, for example `{ appendonly: 'yes', maxmemory: '10mb', 'maxmemory-policy': 'allkeys-lru' }`.
 * The binary is `REDIS_SERVER`, else `redis-server` on PATH.
 */
export async function startRedis(config: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const port = await freePort();
  const directory = await makeTemporaryDirectory('redis');
  const settings = { port: String(port), bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no', ...config };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const launch = (): ChildServer =>
    new ChildServer({
      name: 'redis-server',
      file: process.env['REDIS_SERVER'] ?? 'redis-server',
      args,
      env: bareEnvironment(),
      cwd: directory,
    });

  let server = launch();
  const command = (line: string): Promise<string> => inlineCommand(port, line);
  const untilReady = (): Promise<void> =>
    server.untilReady(async () => (await command('PING')) === '+PONG\r\n', READY_LIMIT_MS);
  await untilReady();

  const stop = async (): Promise<void> => {
    if (server.running) await server.stop();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    command,
    stop,
    kill: () => server.kill(),
    start: async () => {
      if (server.running) throw new Error('redis-server runs already');
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

export interface TestRedisCluster {
  readonly nodes: readonly TestRedis[];
  /** The URL of one of them. */
  readonly url: string;
  /** The node that has the slot of a key. */
  nodeOf(key: string): Promise<TestRedis>;
  [Symbol.asyncDispose](): Promise<void>;
}

const SLOT_COUNT = 16_384;

/**
 * Starts a Redis Cluster of masters without replicas on loopback, each with an equal part of the slots. When one is away
 * the others go on. A node that is killed and started again has its slots, and no data.
 */
export async function startRedisCluster(size = 3): Promise<TestRedisCluster> {
  const nodes = await Promise.all(Array.from({ length: size }, startClusterNode));
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  };
  try {
    for (const [index, node] of nodes.entries()) {
      const from = Math.floor((SLOT_COUNT * index) / size);
      const to = Math.floor((SLOT_COUNT * (index + 1)) / size) - 1;
      await node.command(`CLUSTER ADDSLOTSRANGE ${from} ${to}`);
      await node.command(`CLUSTER SET-CONFIG-EPOCH ${index + 1}`);
    }
    const [first, ...others] = nodes;
    if (first === undefined) throw new Error('A cluster needs a node');
    for (const { port, busPort } of others) await first.command(`CLUSTER MEET 127.0.0.1 ${port} ${busPort}`);
    for (const node of nodes) {
      await until(async () => isComplete(await node.command('CLUSTER INFO'), size), {
        limitMs: READY_LIMIT_MS,
        describe: () => 'the nodes of the cluster know each other',
      });
    }
    return {
      nodes,
      url: first.url,
      async nodeOf(key) {
        const [, slot] = /:(\d+)/.exec(await first.command(`CLUSTER KEYSLOT ${key}`)) ?? [];
        const owner = nodes[Math.floor((Number(slot) * size) / SLOT_COUNT)];
        if (owner === undefined) throw new Error(`Nobody has the slot of ${key}`);
        return owner;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function startClusterNode(): Promise<TestRedis & { readonly busPort: number }> {
  const busPort = await freePort();
  const node = await startRedis({
    'cluster-enabled': 'yes',
    'cluster-port': String(busPort),
    'cluster-announce-ip': '127.0.0.1',
    'cluster-node-timeout': '1000',
    'cluster-require-full-coverage': 'no',
  });
  return { ...node, busPort };
}

function isComplete(info: string, size: number): boolean {
  return (
    info.includes('cluster_state:ok') &&
    info.includes(`cluster_known_nodes:${size}\r`) &&
    info.includes(`cluster_slots_ok:${SLOT_COUNT}\r`)
  );
}

export interface TestSentinel {
  /** For `REDIS_URL`. */
  readonly url: string;
  command(line: string): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a Sentinel that watches this primary alone, and makes its replica the primary half a second after its death. */
export async function startSentinel(primary: TestRedis, name: string): Promise<TestSentinel> {
  const port = await freePort();
  const directory = await makeTemporaryDirectory('sentinel');
  const file = join(directory, 'sentinel.conf');
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 2000`,
    ].join('\n'),
  );
  const server = new ChildServer({
    name: 'redis-sentinel',
    file: process.env['REDIS_SERVER'] ?? 'redis-server',
    args: [file, '--sentinel'],
    env: bareEnvironment(),
    cwd: directory,
  });
  // A Sentinel knows no QUIT, and says so after the answer.
  const command = (line: string): Promise<string> => inlineCommand(port, line);
  await server.untilReady(async () => (await command('PING')).startsWith('+PONG'), READY_LIMIT_MS);
  return {
    url: `redis+sentinel://127.0.0.1:${port}/${name}`,
    command,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await removeDirectory(directory);
    },
  };
}

/** One command on a connection of its own; the reply is read until Redis closes after `QUIT`. */
async function inlineCommand(port: number, line: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.setTimeout(REPLY_LIMIT_MS, () => socket.destroy(new Error(`no reply to ${line}`)));
  try {
    await once(socket, 'connect');
    socket.end(`${line}\r\nQUIT\r\n`);
    await once(socket, 'close');
  } finally {
    socket.destroy();
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\+OK\r\n$/, '');
}
