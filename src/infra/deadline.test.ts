import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createDeadlineGuard } from './deadline.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const never = (): Promise<never> => new Promise(() => undefined);
const away = { code: 'dependency_unavailable', dependency: 'postgres' };

function setUp() {
  return createDeadlineGuard({
    dependency: 'postgres',
    deadlineMs: 100,
    monotonicMs: () => Date.now(),
    isSilence: (error) => error instanceof Error && error.message === 'silence',
  });
}

it('passes answers and errors on', async () => {
  const guard = setUp();
  expect(await guard.run(async () => 1)).toBe(1);
  await expect(guard.run(() => Promise.reject(new Error('other')))).rejects.toThrow('other');
});

it('refuses after the deadline, tells the work, and then refuses at once but for a try a second', async () => {
  const guard = setUp();
  let expired = (): boolean => false;
  const late = guard.run((isExpired) => {
    expired = isExpired;
    return never();
  });
  const refusal = expect(late).rejects.toMatchObject(away);
  await vi.advanceTimersByTimeAsync(99);
  expect(expired()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await refusal;
  expect(expired()).toBe(true);

  const tries: string[] = [];
  const attempt = (name: string) =>
    guard.run(() => {
      tries.push(name);
      return never();
    });
  await expect(attempt('at once')).rejects.toMatchObject(away);
  await vi.advanceTimersByTimeAsync(1_000);
  const retry = expect(attempt('after a second')).rejects.toMatchObject(away);
  await expect(attempt('beside it')).rejects.toMatchObject(away);
  await vi.advanceTimersByTimeAsync(100);
  await retry;
  expect(tries).toEqual(['after a second']);
});

it('lets everybody through again after an answer, even a late one', async () => {
  const guard = setUp();
  let answer = (): void => undefined;
  const late = expect(guard.run(() => new Promise<void>((resolve) => (answer = resolve)))).rejects.toMatchObject(away);
  await vi.advanceTimersByTimeAsync(100);
  await late;
  answer();
  await vi.advanceTimersByTimeAsync(0);
  expect(await guard.run(async () => 2)).toBe(2);
});

it('takes a late error of the way there for silence', async () => {
  const guard = setUp();
  let fail = (_error: Error): void => undefined;
  const late = expect(guard.run(() => new Promise<void>((_resolve, reject) => (fail = reject)))).rejects.toMatchObject(
    away,
  );
  await vi.advanceTimersByTimeAsync(100);
  await late;
  fail(new Error('silence'));
  await vi.advanceTimersByTimeAsync(0);
  await expect(guard.run(async () => 2)).rejects.toMatchObject(away);
});
