import { describe, expect, it } from 'vitest';
import { Lifecycle } from './lifecycle.ts';

function lifecycle(totalMs = 1000) {
  const lines: string[] = [];
  const log = {
    debug: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
    error: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  };
  return { lifecycle: new Lifecycle(log, totalMs), lines };
}

const never = () => new Promise<void>(() => undefined);

describe('Lifecycle', () => {
  it('undoes the steps last first', async () => {
    const { lifecycle: subject } = lifecycle();
    const order: string[] = [];
    subject.onStop('first', 100, () => void order.push('first'));
    subject.onStop('second', 100, async () => void order.push('second'));
    expect(await subject.stop()).toBe(true);
    expect(order).toEqual(['second', 'first']);
  });

  it('goes on after a phase that fails or hangs, and says which it was', async () => {
    const { lifecycle: subject, lines } = lifecycle();
    let reached = false;
    subject.onStop('last', 100, () => void (reached = true));
    subject.onStop('hanging', 20, never);
    subject.onStop('failing', 100, () => Promise.reject(new Error('no')));
    expect(await subject.stop()).toBe(false);
    expect(reached).toBe(true);
    expect(lines[0]).toMatch(/stop phase failed.*"failing"/);
    expect(lines[1]).toMatch(/stop phase ran out of time.*"hanging"/);
  });

  it('holds all phases to one deadline', async () => {
    const { lifecycle: subject } = lifecycle(50);
    for (const name of ['a', 'b', 'c']) subject.onStop(name, 10_000, never);
    const startedAt = performance.now();
    expect(await subject.stop()).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });

  it('runs once however often it is asked', async () => {
    const { lifecycle: subject } = lifecycle();
    let runs = 0;
    subject.onStop('only', 100, () => void (runs += 1));
    subject.onStop('failing', 100, () => Promise.reject(new Error('no')));
    expect(await Promise.all([subject.stop(), subject.stop()])).toEqual([false, false]);
    expect(await subject.stop()).toBe(false);
    expect(runs).toBe(1);
  });
});
