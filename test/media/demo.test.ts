import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DEMO_LIMIT_MS = 90_000;

let database: TestDatabase;
let redis: TestRedis;
let livekit: TestLivekit;

beforeAll(async () => {
  [database, redis, livekit] = await Promise.all([createDatabase(), startRedis(), startLivekit()]);
});

afterAll(async () => {
  await Promise.all([database, redis, livekit].map((server) => server[Symbol.asyncDispose]()));
});

/** Runs `npm run demo` with these arguments to its end. */
async function demo(
  ...args: string[]
): Promise<{ readonly code: number | null; readonly output: string; readonly left: readonly unknown[] }> {
  const child = new ChildServer({
    name: 'demo',
    file: join(ROOT, 'node_modules', '.bin', 'node'),
    args: [join(ROOT, 'scripts', 'demo.ts'), ...args],
    env: bareEnvironment(),
    cwd: ROOT,
  });
  const code = await child.untilExit(DEMO_LIMIT_MS);
  return { code, output: child.output, left: child.survivors() };
}

async function withNeda(media: Readonly<Record<string, string>>, use: (neda: Neda) => Promise<void>): Promise<void> {
  await using neda = await startNeda({ databaseUrl: database.url, redisUrl: redis.url, livekit: media });
  await use(neda);
}

describe('npm run demo', { timeout: 120_000 }, () => {
  test('lets two people talk on a running server, hears them, and tells what happened when', async () => {
    await withNeda(livekit.env, async ({ origin }) => {
      const { code, output } = await demo(origin);
      expect(output).toContain(`the server at ${origin} (running already)`);
      for (const [talker, listener] of [
        ['alice', 'bob'],
        ['bob', 'alice'],
      ]) {
        expect(output).toMatch(new RegExp(`\\d+\\.\\d{3} s +${talker} +presses the key`));
        expect(output).toMatch(new RegExp(`${talker} +has the floor after \\d+ ms`));
        expect(output).toMatch(new RegExp(`${listener} +hears a voice \\d+ ms after the grant`));
        expect(output).toMatch(new RegExp(`${listener} +heard the sentence: likeness [01]\\.\\d\\d`));
        expect(output).toMatch(new RegExp(`${listener} +was in silence \\d+ ms after the release`));
      }
      expect(output).toMatch(/bob +is refused: TALK_DENIED busy/);
      expect(output).toContain('Both were heard');
      expect(output).not.toContain('FAULT');
      expect(code).toBe(0);
    });
  });

  test('starts a server with everything it needs when there is none, and stops it again', async () => {
    const { code, output, left } = await demo('--own');
    expect(output).toContain('(started for the demo)');
    expect(output).toContain('Both were heard');
    expect(code).toBe(0);
    expect(left).toEqual([]);
  });

  test('carries the sound over the WebSocket when the server has no media server', async () => {
    await withNeda({ PATH: join(ROOT, 'node_modules', '.bin') }, async ({ origin }) => {
      const { code, output } = await demo(origin);
      expect(output).toMatch(/alice +joined Team: .*voice by relay/);
      expect(output).toContain('Both were heard');
      expect(output).not.toContain('FAULT');
      expect(code).toBe(0);
    });
  });

  test('fails when the server named does not answer', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, output } = await demo(url);
    expect(output).toContain(`No NEDA server answers at ${url}`);
    expect(code).toBe(2);
  });
});
