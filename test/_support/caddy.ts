import { bareEnvironment, ChildServer } from './child-server.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

const READY_LIMIT_MS = 60_000;

/** A real Caddy on loopback. */
export interface TestCaddy {
  readonly process: ChildServer;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The program of Caddy: `CADDY`, else `caddy` on PATH. */
export const caddyProgram = process.env['CADDY'] ?? 'caddy';

/** Runs a Caddyfile with these variables until `isReady`. What Caddy keeps goes to a directory that is removed. */
export async function startCaddy(options: {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isReady: () => Promise<boolean>;
}): Promise<TestCaddy> {
  const directory = await makeTemporaryDirectory('caddy');
  const child = new ChildServer({
    name: 'caddy',
    file: caddyProgram,
    args: ['run', '--config', options.file, '--adapter', 'caddyfile'],
    cwd: directory,
    env: {
      ...bareEnvironment(),
      HOME: directory,
      XDG_CONFIG_HOME: directory,
      XDG_DATA_HOME: directory,
      ...options.env,
    },
  });
  const dispose = async (): Promise<void> => {
    if (child.running) await child.stop();
    await removeDirectory(directory);
  };
  try {
    await child.untilReady(options.isReady, READY_LIMIT_MS);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { process: child, [Symbol.asyncDispose]: dispose };
}
