import { describe, expect, test } from 'vitest';
import { CallsInOrder, TurnMissed } from './calls-in-order.ts';

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, resolve };
}

describe('calls in order', () => {
  test('a call starts when the one before it has settled, whether it succeeded or failed', async () => {
    const order = new CallsInOrder();
    const events: string[] = [];
    const gate = deferred();
    const first = order.run('g', 1_000, async () => {
      events.push('first starts');
      await gate.promise;
      events.push('first fails');
      throw new Error('no');
    });
    const second = order.run('g', 1_000, async () => {
      events.push('second starts');
      return 2;
    });
    gate.resolve();
    await expect(first).rejects.toThrow('no');
    await expect(second).resolves.toBe(2);
    expect(events).toEqual(['first starts', 'first fails', 'second starts']);
  });

  test('keys do not wait for each other', async () => {
    const order = new CallsInOrder();
    const gate = deferred();
    const stuck = order.run('g', 1_000, () => gate.promise);
    await expect(order.run('h', 1_000, async () => 'free')).resolves.toBe('free');
    gate.resolve();
    await stuck;
  });

  test('a call whose turn does not come in time is refused and never made, and those behind it go on', async () => {
    const order = new CallsInOrder();
    const gate = deferred();
    const made: string[] = [];
    const stuck = order.run('g', 1_000, () => gate.promise);
    const late = order.run('g', 1, async () => made.push('late'));
    const last = order.run('g', 1_000, async () => made.push('last'));
    await expect(late).rejects.toBeInstanceOf(TurnMissed);
    gate.resolve();
    await Promise.all([stuck, last]);
    expect(made).toEqual(['last']);
  });

  test('a key that is done is forgotten', async () => {
    const order = new CallsInOrder();
    const call = order.run('g', 1_000, async () => undefined);
    expect(order.size).toBe(1);
    await call;
    await order.settled();
    expect(order.size).toBe(0);
  });
});
