import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MediaBreaker } from './breaker.ts';
import { CallFailed, type CallFault } from './call-failed.ts';
import { MediaHealth } from './health.ts';

let breaker: MediaBreaker;
let health: MediaHealth;
/** What a look at the media server comes to; null: it can be used. */
let fault: CallFault | null = null;
let looks = 0;
let returns = 0;
const lines: string[] = [];

beforeEach(() => {
  [fault, looks, returns, lines.length] = [null, 0, 0, 0];
  breaker = new MediaBreaker();
  health = new MediaHealth({
    breaker,
    look: async () => {
      looks += 1;
      if (fault !== null) throw new CallFailed(fault);
    },
    log: {
      warn: (_fields, message) => void lines.push(message),
      info: (_fields, message) => void lines.push(message),
    },
  });
  health.onBack(() => {
    returns += 1;
  });
});

afterEach(() => {
  health.close();
  vi.restoreAllMocks();
});

async function call(failure: CallFault | null = null): Promise<unknown> {
  const made = breaker.call(async () => {
    if (failure !== null) throw new CallFailed(failure);
    return 'made';
  });
  return made.catch((error: unknown) => (error instanceof CallFailed ? error.fault : error));
}

async function untilState(state: 'ok' | 'down'): Promise<void> {
  await vi.waitFor(async () => expect(await health.state()).toBe(state), { timeout: 10_000, interval: 20 });
}

describe('a media server that cannot be used', () => {
  test('is not called, and whoever asks is told at once', async () => {
    fault = 'unreachable';
    expect(await health.state()).toBe('down');
    expect(await call()).toBe('held_back');
    expect(lines).toEqual(['media server cannot be used']);
  });

  test('is called again after the first look that succeeds, though the clock of the wall was set back', async () => {
    fault = 'timeout';
    expect(await health.state()).toBe('down');
    const hourAgoMs = Date.now() - 3_600_000;
    vi.spyOn(Date, 'now').mockImplementation(() => hourAgoMs);
    fault = null;
    await untilState('ok');
    expect(await call()).toBe('made');
    expect(returns).toBe(1);
    expect(lines).toEqual(['media server cannot be used', 'media server can be used again']);
  });

  test('is called again at once when it shows life', async () => {
    fault = 'unreachable';
    expect(await health.state()).toBe('down');
    fault = null;
    await health.showedLife();
    expect(await call()).toBe('made');
    expect(returns).toBe(1);
  });

  test('is told of once more when it is back with another key', async () => {
    fault = 'unreachable';
    expect(await health.state()).toBe('down');
    fault = 'unauthorized';
    await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 10_000 });
    const seen = looks;
    await vi.waitFor(() => expect(looks).toBeGreaterThan(seen), { timeout: 10_000 });
    expect(lines).toEqual([
      'media server cannot be used',
      'media server does not accept LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
    ]);
    expect(await call()).toBe('held_back');
  });
});

describe('calls that fail while the media server is well', () => {
  test('for one room keep none from another, however many there are', async () => {
    await untilState('ok');
    for (let made = 0; made < 20; made += 1) {
      const seen = looks;
      expect(await call('timeout')).toBe('timeout');
      await vi.waitFor(() => expect(looks).toBeGreaterThan(seen), { timeout: 10_000, interval: 2 });
    }
    expect(await call()).toBe('made');
    expect(lines).toEqual([]);
    expect(returns).toBe(0);
  });

  test('because they are wrong do not count', async () => {
    await untilState('ok');
    const before = looks;
    for (let made = 0; made < 20; made += 1) expect(await call('refused')).toBe('refused');
    expect(await health.state()).toBe('ok');
    expect(looks).toBe(before);
  });

  test('because their link broke may mean that it was started again: that is told, without a line', async () => {
    await untilState('ok');
    expect(await call('broken_off')).toBe('broken_off');
    await vi.waitFor(() => expect(returns).toBe(1), { timeout: 10_000 });
    expect(await health.state()).toBe('ok');
    expect(lines).toEqual([]);
  });
});
