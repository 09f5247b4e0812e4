import { beforeEach, describe, expect, it } from 'vitest';
import { type LedgerTalk, TalkLedger } from './talk-ledger.ts';

let nowMs: number;
let ledger: TalkLedger;

beforeEach(() => {
  nowMs = 1_000_000;
  ledger = new TalkLedger(() => nowMs);
});

function talk(talkId: string, fields: Partial<LedgerTalk> = {}): LedgerTalk {
  return {
    groupId: 'group',
    voiceSessionId: 'voice',
    talkId,
    generation: 1,
    elapsedMs: 0,
    describe: () => ({ speaker: { userId: 'u', displayName: 'Alice' }, emergency: false }),
    ...fields,
  };
}

function lostIds(generation: number): string[] {
  return ledger.lostBefore(() => generation).map(({ talkId }) => talkId);
}

describe('a talk of an earlier life of the live store', () => {
  it('is told with its end, in times before now', () => {
    ledger.started(talk('a', { elapsedMs: 300 }));
    nowMs += 1_500;
    ledger.ended('a', 'released');
    nowMs += 4_000;
    expect(ledger.lostBefore(() => 2)).toEqual([
      {
        groupId: 'group',
        voiceSessionId: 'voice',
        talkId: 'a',
        speaker: { userId: 'u', displayName: 'Alice' },
        emergency: false,
        cause: 'released',
        startedAgoMs: 5_800,
        endedAgoMs: 4_000,
      },
    ]);
  });

  it('ended expired when it was open, at the moment when it was found lost', () => {
    ledger.started(talk('a'));
    nowMs += 2_000;
    expect(ledger.lostBefore(() => 2)[0]).toMatchObject({ cause: 'expired', startedAgoMs: 2_000, endedAgoMs: 0 });
    nowMs += 500;
    ledger.ended('a', 'expired');
    expect(ledger.lostBefore(() => 2)[0]).toMatchObject({ cause: 'expired', startedAgoMs: 2_500, endedAgoMs: 500 });
  });

  it('is told until it was taken, and again to the life after that', () => {
    ledger.started(talk('a'));
    expect(lostIds(2)).toEqual(['a']);
    const lost = ledger.lostBefore(() => 2);
    ledger.told(lost, () => 2);
    expect(lostIds(2)).toEqual([]);
    expect(lostIds(3)).toEqual(['a']);
  });

  it('is forgotten once it is stored', () => {
    ledger.started(talk('a'));
    ledger.started(talk('b'));
    ledger.stored('a');
    expect(lostIds(2)).toEqual(['b']);
  });
});

it('says nothing of talks of the present life', () => {
  ledger.started(talk('a', { generation: 2 }));
  ledger.ended('a', 'released');
  expect(lostIds(2)).toEqual([]);
});

it('keeps the first start and the first end that it hears of', () => {
  ledger.started(talk('a'));
  nowMs += 100;
  ledger.started(talk('a'));
  ledger.ended('a', 'released');
  nowMs += 100;
  ledger.ended('a', 'lost');
  expect(ledger.lostBefore(() => 2)[0]).toMatchObject({ cause: 'released', startedAgoMs: 200, endedAgoMs: 100 });
});

it('forgets the oldest when there are too many', () => {
  ledger = new TalkLedger(() => nowMs, 2);
  for (const id of ['a', 'b', 'c']) ledger.started(talk(id));
  expect(lostIds(2)).toEqual(['b', 'c']);
});
