import { expect, test } from 'vitest';
import { AUDIENCE_PAYLOAD, hushPayload, numberOf, parseEnvelope } from './envelope.ts';

const lines: readonly (readonly [line: string, parsed: object])[] = [
  [
    '1 E 7 3 started talk connection 60000 20000 emergency',
    { kind: 'started', maxTalkMs: 60_000, remainingMs: 20_000, emergency: true },
  ],
  ['1 E 7 3 started talk connection 60000 20000', { kind: 'started', emergency: false }],
  ['1 E 7 4 ended talk connection too_long 2000 900 gone', { kind: 'ended', retryAfterMs: 2_000, talkerStays: false }],
  ['1 E 7 4 ended talk connection released 0 900', { kind: 'ended', durationMs: 900, talkerStays: true }],
  ['1 E 7 5 presence', { kind: 'presence' }],
  ['1 H talk token connection 9 identity', { kind: 'handover', streamId: 9, identity: 'identity' }],
  ['1 Q one:1 two:2', { kind: 'queue' }],
  ['1 D connection cooldown 500', { kind: 'queue_failed', cause: 'cooldown', retryAfterMs: 500 }],
  [AUDIENCE_PAYLOAD.trimEnd(), { kind: 'audience' }],
  [hushPayload('talk', 2_500).trimEnd(), { kind: 'hush', talkId: 'talk', forMs: 2_500 }],
];

test.each(lines)('words of a later release are passed over: %s', (line, parsed) => {
  expect(parseEnvelope(`${line}\n{}`)).toMatchObject(parsed);
  expect(parseEnvelope(`${line} next next:5\n{}`)).toMatchObject(parsed);
});

test('a numbered event of a kind that only a later release knows is handed on, so that no number is missing', () => {
  expect(parseEnvelope('1 E 7 6 muted talk\n{"type":"TALK_MUTED"}')).toEqual({
    kind: 'other',
    epoch: 7,
    seq: 6,
    bytes: '{"type":"TALK_MUTED"}',
  });
});

test.each(['1 N something', '2 E 7 3 presence', ''])(
  'what has no number, or another version, is passed over: %j',
  (line) => {
    expect(parseEnvelope(line)).toBeNull();
  },
);

test.each(lines)('the number is read without the rest: %s', (line) => {
  const envelope = parseEnvelope(`${line}\n{}`);
  const numbered = envelope !== null && 'seq' in envelope ? { epoch: envelope.epoch, seq: envelope.seq } : null;
  expect(numberOf(`${line}\n{}`)).toEqual(numbered);
});

test('an epoch is read whole', () => {
  expect(numberOf('1 E 4296730567123 90071 started talk\n{}')).toEqual({ epoch: 4_296_730_567_123, seq: 90_071 });
});
