import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { gatherLines } from './log-output.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function gathered() {
  const written: string[] = [];
  const { lines, flush } = gatherLines({ write: (text) => void written.push(text) });
  return { written, flush, logger: pino({ base: null, timestamp: false }, lines) };
}

it('writes lines that come shortly after one another at once, in their order', () => {
  const { written, logger } = gathered();
  logger.info('one');
  logger.info('two');
  expect(written).toEqual([]);
  vi.advanceTimersByTime(20);
  expect(written).toEqual(['{"level":30,"msg":"one"}\n{"level":30,"msg":"two"}\n']);
  logger.info('three');
  vi.advanceTimersByTime(20);
  expect(written[1]).toBe('{"level":30,"msg":"three"}\n');
});

it('lets no error wait, nor what is before it', () => {
  const { written, logger } = gathered();
  logger.info('one');
  logger.error('two');
  expect(written).toEqual(['{"level":30,"msg":"one"}\n{"level":50,"msg":"two"}\n']);
  vi.advanceTimersByTime(100);
  expect(written).toHaveLength(1);
});

it('keeps no more than some kilobytes, and passes on what waits when it is told to', () => {
  const { written, flush, logger } = gathered();
  logger.info('x'.repeat(16_384));
  expect(written).toHaveLength(1);
  logger.info('last');
  flush();
  flush();
  expect(written).toHaveLength(2);
});
