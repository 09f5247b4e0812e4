import { v7 as uuidV7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { mediaIdentity, type MediaServer, MediaUnavailable } from '../../src/realtime/media/index.ts';
import { freePort } from '../_support/ports.ts';
import { until } from '../_support/until.ts';
import { AdapterBench, BUDGET_MS, timed } from './adapter-bench.ts';

const bench = AdapterBench.use();

describe('calls for one group', () => {
  test('are made in the order asked for, each after the answer to the one before', async () => {
    const server = bench().mediaServer({ host: bench().slowed });
    await bench().listen(server);
    bench().proxy.setDelay(300);
    const answered: string[] = [];
    const startedAtMs = performance.now();
    await Promise.all([
      server.allowSpeaking(bench().groupId, bench().identity, 5_000).then(() => answered.push('first SPEAK')),
      server.withdrawSpeaking(bench().groupId, bench().identity, 5_000).then(() => answered.push('LISTEN')),
      server.allowSpeaking(bench().groupId, bench().identity, 5_000).then(() => answered.push('second SPEAK')),
    ]);
    expect(answered).toEqual(['first SPEAK', 'LISTEN', 'second SPEAK']);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(900);
    expect(await bench().permission()).toMatchObject({ canPublish: true });
  });

  test('are refused when earlier ones use up their time, and not made afterwards', async () => {
    const server = bench().mediaServer({ host: bench().slowed });
    const other = mediaIdentity(uuidV7(), uuidV7());
    bench().proxy.setDelay(1_000);
    const first = timed(server.allowSpeaking(bench().groupId, bench().identity, 800));
    const second = await timed(server.allowSpeaking(bench().groupId, other, 400));
    expect(second.result).toBeInstanceOf(MediaUnavailable);
    expect(second.tookMs).toBeLessThan(700);
    await first;
    await server.close();
    expect(bench().callsAbout(bench().identity)).toBe(1);
    expect(bench().callsAbout(other)).toBe(0);
  });

  test('do not wait for another group', async () => {
    const server = bench().mediaServer({ host: bench().slowed });
    bench().proxy.setDelay(1_000);
    const stuck = timed(server.allowSpeaking(bench().groupId, bench().identity, 3_000));
    await until(() => bench().proxy.sent().includes(bench().groupId), {
      limitMs: 10_000,
      describe: () => 'the first call is under way',
    });
    bench().proxy.setDelay(0);
    const free = await timed(server.allowSpeaking(uuidV7(), bench().identity, BUDGET_MS));
    expect(free.result).toBe('absent');
    expect(free.tookMs).toBeLessThan(700);
    await stuck;
  });
});

describe('a media server that is away', () => {
  test('is told at once, for both directions', async () => {
    const server = bench().mediaServer({ host: `http://127.0.0.1:${await freePort()}` });
    for (const call of [
      server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS),
      server.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS),
    ]) {
      const { tookMs, result } = await timed(call);
      expect(result).toBeInstanceOf(MediaUnavailable);
      expect(tookMs).toBeLessThan(300);
    }
  });

  test.each([100, 1_500])('keeps nobody waiting longer than the budget of %i ms when it is slow', async (budgetMs) => {
    const server = bench().mediaServer({ host: bench().slowed });
    await bench().listen(server);
    bench().proxy.setDelay(5_000);
    for (const call of [
      () => server.allowSpeaking(bench().groupId, bench().identity, budgetMs),
      () => server.withdrawSpeaking(bench().groupId, bench().identity, budgetMs),
    ]) {
      const { tookMs, result } = await timed(call());
      expect(result).toBeInstanceOf(MediaUnavailable);
      expect(tookMs).toBeLessThan(budgetMs + 300);
    }
  });

  test('still gives out tokens: they are made here', async () => {
    const server = bench().mediaServer({ host: `http://127.0.0.1:${await freePort()}` });
    await expect(server.listenDescription(bench().groupId, bench().identity)).resolves.toMatchObject({
      kind: 'livekit',
    });
  });

  test('is seen by health, and its return too, with one line each', async () => {
    const { livekit } = bench();
    const server = bench().mediaServer();
    expect(await server.health()).toBe('ok');
    await livekit.kill();
    await Promise.all(
      Array.from({ length: 20 }, () =>
        server.allowSpeaking(bench().groupId, bench().identity, 200).catch(() => undefined),
      ),
    );
    expect(await server.health()).toBe('down');
    await livekit.start();
    await until(async () => (await server.health()) === 'ok', {
      limitMs: 15_000,
      describe: () => 'health is ok again',
    });
    expect(bench().lines.filter((line) => line.startsWith('warn media server cannot be used'))).toHaveLength(1);
    expect(bench().lines.filter((line) => line.startsWith('info media server can be used again'))).toHaveLength(1);
    expect(bench().lines).toHaveLength(2);
  });

  test('tells who waits for its return each time, until he does not want to know any more', async () => {
    const { livekit } = bench();
    const server = bench().watchfulServer(0, livekit.host);
    let returns = 0;
    const forget = server.onBack(() => {
      returns += 1;
    });
    const away = async (): Promise<void> => {
      await livekit.kill();
      await until(async () => (await server.health()) === 'down', { limitMs: 15_000, describe: () => 'it is down' });
      await livekit.start();
      await until(async () => (await server.health()) === 'ok', { limitMs: 15_000, describe: () => 'it is back' });
    };
    expect(await server.health()).toBe('ok');
    expect(returns).toBe(0);
    await away();
    expect(returns).toBe(1);
    await away();
    expect(returns).toBe(2);
    forget();
    await away();
    expect(returns).toBe(2);
  });

  test('is probed once for all who ask at the same time and shortly after', async () => {
    const server = bench().mediaServer({ host: bench().slowed });
    const before = bench().probes();
    await Promise.all(Array.from({ length: 20 }, () => server.health()));
    expect(await server.health()).toBe('ok');
    expect(bench().probes() - before).toBe(1);
  });

  test('is noticed by health within two seconds when it freezes', async () => {
    const server = bench().mediaServer({ host: bench().slowed });
    bench().proxy.setDelay(5_000);
    const { tookMs, result } = await timed(server.health());
    expect(result).toBe('down');
    expect(tookMs).toBeLessThan(2_000);
  });
});

describe('a media server that does not accept the key', () => {
  test('is down, and neither the error nor the log holds a token', async () => {
    const server = bench().mediaServer({ apiSecret: 'another-secret-of-32-characters!' });
    const { result } = await timed(server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS));
    expect(result).toBeInstanceOf(MediaUnavailable);
    expect(await server.health()).toBe('down');
    const told = `${bench().lines.join('\n')}\n${String(result)}\n${JSON.stringify(result, Object.getOwnPropertyNames(result))}`;
    expect(bench().lines).toHaveLength(1);
    // Every JSON web token begins so.
    expect(told).not.toContain('eyJ');
    expect(result).not.toHaveProperty('cause');
  });
});

describe('a right that may stand although it should not', () => {
  test('is withdrawn again when a grant without an answer is carried out late', async () => {
    const server = bench().watchfulServer(4_000);
    await bench().listen(server);
    // The call reaches LiveKit long after the asker was refused and the right was withdrawn.
    bench().proxy.setDelay(1_500);
    await expect(server.allowSpeaking(bench().groupId, bench().identity, 200)).rejects.toBeInstanceOf(MediaUnavailable);
    bench().proxy.setDelay(0);
    await server.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    const before = await bench().version();
    // LISTEN for who listens changes nothing: two changes are the late grant and its withdrawal.
    await until(async () => (await bench().version()) >= before + 2, {
      limitMs: 15_000,
      describe: () => 'the late grant is carried out and withdrawn',
    });
    expect(await bench().permission()).toMatchObject({ canPublish: false, canSubscribe: true });
  });

  test('is withdrawn when the media server can be reached again', async () => {
    const server = bench().watchfulServer(0);
    await bench().listen(server);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    bench().proxy.setDelay(60_000);
    await expect(server.withdrawSpeaking(bench().groupId, bench().identity, 200)).rejects.toBeInstanceOf(
      MediaUnavailable,
    );
    expect(await bench().permission()).toMatchObject({ canPublish: true });
    bench().proxy.setDelay(0);
    await until(async () => !(await bench().permission()).canPublish, {
      limitMs: 15_000,
      describe: () => 'the right is withdrawn',
    });
  });

  test('is left to who was given it again meanwhile', async () => {
    const server = bench().watchfulServer(0);
    await bench().listen(server);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    bench().proxy.setDelay(60_000);
    await expect(server.withdrawSpeaking(bench().groupId, bench().identity, 100)).rejects.toBeInstanceOf(
      MediaUnavailable,
    );
    bench().proxy.setDelay(0);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    const before = bench().callsAbout(bench().identity);
    await untilAsserted(server);
    expect(bench().callsAbout(bench().identity)).toBe(before);
    expect(await bench().permission()).toMatchObject({ canPublish: true });
  });

  test('is not pursued any more after close', async () => {
    const server = bench().watchfulServer(0);
    await bench().listen(server);
    bench().proxy.setDelay(60_000);
    await expect(server.withdrawSpeaking(bench().groupId, bench().identity, 100)).rejects.toBeInstanceOf(
      MediaUnavailable,
    );
    await server.close();
    bench().proxy.setDelay(0);
    const before = bench().callsAbout(bench().identity);
    await untilAsserted(bench().watchfulServer(0));
    expect(bench().callsAbout(bench().identity)).toBe(before);
  });
});

/** Taints somebody else and returns when the server has looked after him: so long it looks after others too. */
async function untilAsserted(server: MediaServer): Promise<void> {
  const witness = mediaIdentity(uuidV7(), uuidV7());
  bench().proxy.setDelay(60_000);
  await expect(server.withdrawSpeaking(uuidV7(), witness, 100)).rejects.toBeInstanceOf(MediaUnavailable);
  bench().proxy.setDelay(0);
  const before = bench().callsAbout(witness);
  await until(() => bench().callsAbout(witness) > before, {
    limitMs: 15_000,
    describe: () => 'the witness is looked after',
  });
}
