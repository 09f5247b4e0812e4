import { Duplex } from 'node:stream';
import { setImmediate as endOfTick } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TickWriter } from './tick-writer.ts';

/** A stream that notes each system call it would have made. */
function target() {
  const calls: string[][] = [];
  const stream = new Duplex({
    read() {
      // nothing comes
    },
    write(chunk: Buffer, _encoding, done) {
      calls.push([chunk.toString()]);
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => String(chunk)));
      done();
    },
  });
  return { target: { stream, writtenInTick: 0, corked: false }, calls };
}

it('writes the first of a tick at once and the rest together, in order', async () => {
  const writer = new TickWriter();
  const one = target();
  const two = target();
  for (const text of ['a', 'b', 'c', 'd']) writer.write(one.target, Buffer.from(text));
  writer.write(two.target, Buffer.from('x'));
  expect([one.calls, two.calls]).toEqual([[['a']], [['x']]]);
  await endOfTick();
  expect(one.calls).toEqual([['a'], ['b', 'c', 'd']]);
  writer.write(one.target, Buffer.from('e'));
  expect(one.calls).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  await endOfTick();
  expect(one.target.stream.writableCorked).toBe(0);
});

it('survives a stream that is destroyed in between', async () => {
  const writer = new TickWriter();
  const one = target();
  writer.write(one.target, Buffer.from('a'));
  writer.write(one.target, Buffer.from('b'));
  one.target.stream.destroy();
  const two = target();
  writer.write(two.target, Buffer.from('c'));
  writer.write(two.target, Buffer.from('d'));
  await endOfTick();
  expect(two.calls).toEqual([['c'], ['d']]);
});
