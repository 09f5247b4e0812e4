import { expect, it } from 'vitest';
import { createReadCache } from './read-cache.ts';

const key = 's';
const always = (): boolean => true;

interface Setting {
  readonly reads: Array<(value: string | Error) => void>;
  nowMs: number;
}

function setUp() {
  const setting: Setting = { reads: [], nowMs: 0 };
  const inner = createReadCache<string>(() => setting.nowMs);
  const read = (): Promise<string> =>
    new Promise((resolve, reject) => {
      setting.reads.push((value) => (value instanceof Error ? reject(value) : resolve(value)));
    });
  const cache = {
    ...inner,
    get: (of: string, isUsable: (value: string) => boolean) => inner.get(of, read, isUsable),
    getFresh: (of: string) => inner.getFresh(of, read),
    getNewest: (of: string) => inner.getNewest(of, read),
  };
  async function know(value: string): Promise<void> {
    const answer = cache.getFresh(key);
    setting.reads.shift()?.(value);
    await answer;
  }
  return { cache, setting, know };
}

it('reads once for as long as the value is fresh', async () => {
  const { cache, setting, know } = setUp();
  await know('one');
  setting.nowMs = 30_000;
  expect(await cache.get(key, always)).toBe('one');
  expect(setting.reads).toHaveLength(0);
  setting.nowMs = 30_001;
  const later = cache.get(key, always);
  setting.reads[0]?.('two');
  expect(await later).toBe('two');
});

it('reads again when the known value is of no use', async () => {
  const { cache, setting, know } = setUp();
  await know('old');
  const answer = cache.get(key, (value) => value === 'new');
  setting.reads[0]?.('new');
  expect(await answer).toBe('new');
});

it.each([
  ['by its session', (cache: ReturnType<typeof setUp>['cache']) => cache.drop('s')],
  ['by what it holds', (cache: ReturnType<typeof setUp>['cache']) => cache.dropWhere((value) => value === 'one')],
])('forgets a value that was dropped %s', async (_name, drop) => {
  const { cache, setting, know } = setUp();
  await know('one');
  drop(cache);
  const answer = cache.get(key, always);
  setting.reads[0]?.('two');
  expect(await answer).toBe('two');
});

it.each([
  ['by its session', (cache: ReturnType<typeof setUp>['cache']) => cache.drop('s')],
  ['by what it holds', (cache: ReturnType<typeof setUp>['cache']) => cache.dropWhere(() => false)],
])('reads again when a drop %s came while it read', async (_name, drop) => {
  const { cache, setting } = setUp();
  const answer = cache.get(key, always);
  drop(cache);
  setting.reads.shift()?.('before the change');
  await Promise.resolve();
  await expect.poll(() => setting.reads.length).toBe(1);
  setting.reads.shift()?.('after the change');
  expect(await answer).toBe('after the change');
});

it('gives what it knew when reading fails, up to its limit', async () => {
  const { cache, setting, know } = setUp();
  await know('one');
  setting.nowMs = 1_800_000;
  const stale = cache.get(key, always);
  setting.reads.shift()?.(new Error('away'));
  expect(await stale).toBe('one');
  setting.nowMs = 1_800_001;
  const tooOld = cache.get(key, always);
  setting.reads.shift()?.(new Error('away'));
  await expect(tooOld).rejects.toThrow('away');
});

it('does not give what was dropped when reading fails', async () => {
  const { cache, setting, know } = setUp();
  await know('one');
  setting.nowMs = 40_000;
  const answer = cache.get(key, always);
  cache.drop('s');
  setting.reads.shift()?.(new Error('away'));
  await expect(answer).rejects.toThrow('away');
});

it('reads what must be the newest, and falls back on what is known while reading fails', async () => {
  const { cache, setting, know } = setUp();
  await know('one');
  const newest = cache.getNewest(key);
  setting.reads.shift()?.('two');
  expect(await newest).toBe('two');
  setting.nowMs = 30 * 60_000;
  const known = cache.getNewest(key);
  setting.reads.shift()?.(new Error('away'));
  expect(await known).toBe('two');
  setting.nowMs += 1;
  const forgotten = cache.getNewest(key);
  setting.reads.shift()?.(new Error('away'));
  await expect(forgotten).rejects.toThrow('away');
});
