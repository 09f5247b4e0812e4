import { afterEach, describe, expect, test, vi } from 'vitest';
import { type TaintActions, TaintedIdentities, type TaintTimes } from './tainted-identities.ts';

const GROUP = 'group';
const WHO = 'u_1.2';
const open: TaintedIdentities[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((taints) => taints.close()));
});

function setUp(times: Partial<TaintTimes> = {}, actions: Partial<TaintActions> = {}) {
  const assertListen = vi.fn<TaintActions['assertListen']>(actions.assertListen ?? (async () => 'listens'));
  const remove = vi.fn<TaintActions['remove']>(async () => undefined);
  const warn = vi.fn();
  const taints = new TaintedIdentities(
    { reachable: actions.reachable ?? (async () => true), assertListen, remove },
    { roundMs: 5, settleMs: 0, lifeMs: 60_000, ...times },
    { warn, info: vi.fn() },
  );
  open.push(taints);
  return { taints, assertListen, remove, warn };
}

describe('tainted identities', () => {
  test('LISTEN is asserted until it is read back, and then no more', async () => {
    let failures = 2;
    const { taints, assertListen } = setUp(
      {},
      {
        assertListen: async () => {
          failures -= 1;
          if (failures >= 0) throw new Error('away');
          return 'listens';
        },
      },
    );
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(taints.size).toBe(0));
    expect(assertListen).toHaveBeenCalledTimes(3);
    expect(assertListen).toHaveBeenCalledWith(GROUP, WHO, expect.any(Function));
  });

  test('an identity that is gone is done', async () => {
    const { taints } = setUp({}, { assertListen: async () => 'absent' });
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(taints.size).toBe(0));
  });

  test('a SPEAK that may still be carried out is watched for the time in which it may', async () => {
    const { taints, assertListen } = setUp({ settleMs: 1_000 });
    const sinceMs = performance.now();
    taints.add(GROUP, WHO, true);
    await vi.waitFor(() => expect(taints.size).toBe(0));
    expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(1_000);
    expect(assertListen.mock.calls.length).toBeGreaterThan(1);
  });

  test('who keeps the right although LISTEN was confirmed is removed', async () => {
    let removed = false;
    const { taints, remove } = setUp({}, { assertListen: async () => (removed ? 'absent' : 'may_publish') });
    remove.mockImplementation(async () => {
      removed = true;
    });
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(taints.size).toBe(0));
    expect(remove).toHaveBeenCalledTimes(1);
  });

  test('who was given the right meanwhile is left alone, even when his turn has come', async () => {
    const gate = Promise.withResolvers<void>();
    const touched = vi.fn();
    const { taints, assertListen } = setUp(
      {},
      {
        assertListen: async (_group, _identity, wanted) => {
          await gate.promise;
          if (wanted()) touched();
          return 'listens';
        },
      },
    );
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(assertListen).toHaveBeenCalled());
    taints.forget(GROUP, WHO);
    gate.resolve();
    await taints.close();
    expect(touched).not.toHaveBeenCalled();
  });

  test('nothing is called while the media server is away', async () => {
    let away = true;
    const reachable = vi.fn(async () => !away);
    const { taints, assertListen } = setUp({}, { reachable });
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(reachable.mock.calls.length).toBeGreaterThan(2));
    expect(assertListen).not.toHaveBeenCalled();
    away = false;
    await vi.waitFor(() => expect(taints.size).toBe(0));
  });

  test('it gives up after the life of a refresh token and says so once', async () => {
    const { taints, warn } = setUp({ lifeMs: 30 }, { reachable: async () => false });
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(taints.size).toBe(0));
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('close stops it', async () => {
    const { taints, assertListen } = setUp({}, { assertListen: () => Promise.reject(new Error('away')) });
    taints.add(GROUP, WHO, false);
    await vi.waitFor(() => expect(assertListen).toHaveBeenCalled());
    await taints.close();
    const calls = assertListen.mock.calls.length;
    taints.add(GROUP, WHO, false);
    expect(taints.size).toBe(0);
    expect(assertListen).toHaveBeenCalledTimes(calls);
  });
});
