import { describe, expect, it } from 'vitest';
import { denyCause, endCause, socketErrorCode } from '../../src/realtime/protocol/index.ts';
import { CloseCode } from '../../src/realtime/protocol/close-codes.ts';
import {
  closeText,
  cutText,
  endText,
  errorText,
  refusalText,
  signedOutText,
  signInText,
  soundText,
  type SoundState,
} from './texts.ts';

/** What a newer server might say. */
function unknown<Value extends string>(): Value {
  const value: unknown = JSON.parse('"something_new"');
  if (!isText<Value>(value)) throw new Error('no text');
  return value;
}

function isText<Value extends string>(value: unknown): value is Value {
  return typeof value === 'string';
}

describe('what the page says', () => {
  it('has a sentence of its own for every refusal', () => {
    const general = refusalText({ cause: unknown() });
    const sentences = denyCause.options.map((cause) => refusalText({ cause }));
    expect(new Set([general, ...sentences]).size).toBe(denyCause.options.length + 1);
  });

  it('names who talks, and how long to wait', () => {
    expect(refusalText({ cause: 'busy', holder: { userId: 'a', displayName: 'Ann' } })).toBe(
      'Ann is talking. Try again when they have finished.',
    );
    expect(refusalText({ cause: 'cooldown', retryAfterMs: 1_400 })).toContain('in 2 seconds.');
    expect(refusalText({ cause: 'cooldown', retryAfterMs: 900 })).toContain('in 1 second.');
    expect(cutText('too_long', 2_000)).toContain('in 2 seconds.');
    expect(signInText('password', 429, 900_000)).toContain('15 minutes');
  });

  it('has a sentence of its own for every end of a talk', () => {
    const sentences = endCause.options.map((cause) => cutText(cause, 0));
    expect(new Set(sentences).size).toBe(endCause.options.length);
    expect(cutText(unknown(), 0)).toBe('Your talk has ended.');
  });

  it('tells listeners of every end but the ordinary one', () => {
    for (const cause of endCause.options) {
      const text = endText('Ann', cause);
      if (cause === 'released') expect(text).toBeNull();
      else expect(text).toContain('Ann');
    }
    expect(endText('Ann', unknown())).toBe('Ann has stopped talking.');
  });

  it('has a sentence for every error', () => {
    for (const code of [...socketErrorCode.options, unknown<'internal'>()]) expect(errorText(code)).toMatch(/\.$/);
  });

  it('has a sentence for every final close', () => {
    for (const code of Object.values(CloseCode).filter((value) => value >= 4_500)) {
      expect([closeText(code), signedOutText(code)]).toEqual([
        expect.stringMatching(/\.$/),
        expect.stringMatching(/\.$/),
      ]);
    }
    expect(closeText(4_506)).toContain('another tab');
    expect(signedOutText(4_504)).toContain('switched off');
  });

  it('does not say whether name or password was wrong', () => {
    expect(signInText('password', 401, null)).toBe('User name and password do not fit together.');
    expect(signInText('code', 401, null)).toContain('code');
    expect(signInText('code', 0, null)).toContain('cannot be reached');
  });

  it('says what is wrong with the sound, and nothing where all is well', () => {
    const well: SoundState = { way: 'relay', canPlay: true, livekit: 'connected', isFallback: false };
    for (const way of ['relay', 'livekit', null] as const) expect(soundText({ ...well, way })).toBeNull();
    expect(soundText({ ...well, way: 'livekit', canPlay: false })).toBeNull();
    expect(soundText({ ...well, canPlay: false })).toContain('WebCodecs');
    expect(soundText({ ...well, way: 'none' })).toContain('no sound');
    expect(soundText({ ...well, isFallback: true })).toContain('WebRTC cannot connect');
    expect(soundText({ ...well, way: 'livekit', livekit: 'repairing' })).toContain('connected again');
  });
});
