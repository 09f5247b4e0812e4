import { describe, expect, test } from 'vitest';
import type { NumberedEnvelope } from '../floor/index.ts';
import { Sequencer } from './sequencer.ts';

function event(seq: number, epoch = 1): NumberedEnvelope {
  return { kind: 'presence', epoch, seq, bytes: `{"seq":${seq}}` };
}

function watched() {
  const delivered: string[] = [];
  let gaps = 0;
  let newEpochs = 0;
  const sequencer = new Sequencer({
    deliver: ({ epoch, seq }) => delivered.push(`${epoch}.${seq}`),
    onGap: () => (gaps += 1),
    onNewEpoch: () => (newEpochs += 1),
  });
  return { sequencer, delivered, gaps: () => gaps, newEpochs: () => newEpochs };
}

describe('a sequencer', () => {
  test('delivers each event once, whichever way it comes first', () => {
    const { sequencer, delivered } = watched();
    sequencer.reset({ epoch: 1, seq: 0 });
    for (const seq of [1, 1, 2, 1, 2, 3]) sequencer.accept(event(seq));
    expect(delivered).toEqual(['1.1', '1.2', '1.3']);
  });

  test('holds back what comes too early and tells of the gap, then delivers in order', () => {
    const { sequencer, delivered, gaps } = watched();
    sequencer.reset({ epoch: 1, seq: 4 });
    sequencer.accept(event(7));
    sequencer.accept(event(6));
    expect(delivered).toEqual([]);
    expect(gaps()).toBe(2);
    sequencer.accept(event(5));
    expect(delivered).toEqual(['1.5', '1.6', '1.7']);
  });

  test('begins behind a snapshot, with what came before it was known', () => {
    const { sequencer, delivered } = watched();
    for (const seq of [9, 8, 10]) sequencer.accept(event(seq));
    expect(delivered).toEqual([]);
    sequencer.reset({ epoch: 1, seq: 8 });
    expect(delivered).toEqual(['1.9', '1.10']);
    expect(sequencer.position).toEqual({ epoch: 1, seq: 10 });
  });

  test('passes over an older epoch and asks for a snapshot of a newer one', () => {
    const { sequencer, delivered, newEpochs } = watched();
    sequencer.reset({ epoch: 2, seq: 3 });
    sequencer.accept(event(4, 1));
    expect(newEpochs()).toBe(0);
    sequencer.accept(event(1, 3));
    expect(newEpochs()).toBe(1);
    expect(delivered).toEqual([]);
    sequencer.reset({ epoch: 3, seq: 0 });
    expect(delivered).toEqual(['3.1']);
  });

  test('an event of an older epoch held before a snapshot does not hide one of the snapshot’s epoch', () => {
    const { sequencer, delivered } = watched();
    sequencer.accept(event(5, 1));
    sequencer.accept(event(5, 2));
    sequencer.accept(event(5, 1));
    sequencer.reset({ epoch: 2, seq: 4 });
    expect(delivered).toEqual(['2.5']);
  });

  test('says beforehand whether it wants an event', () => {
    const { sequencer } = watched();
    expect(sequencer.wants({ epoch: 1, seq: 1 })).toBe(true);
    sequencer.reset({ epoch: 2, seq: 3 });
    const wanted = [1, 2, 3].flatMap((epoch) => [2, 3, 4, 5].map((seq) => sequencer.wants({ epoch, seq })));
    expect(wanted).toEqual([false, false, false, false, false, false, true, true, true, true, true, true]);
  });
});
