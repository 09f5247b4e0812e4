import { describe, expect, it } from 'vitest';
import type { Media } from '../../../src/realtime/protocol/index.ts';
import { shouldAskForRelay, wayOf } from './way.ts';

const NONE: Media = { kind: 'none' };
const RELAY: Media = { kind: 'relay', codec: 'opus', sampleRateHz: 48_000, channels: 1, maxPacketBytes: 1275 };
const LIVEKIT: Media = { kind: 'livekit', url: 'ws://sfu', room: 'r', token: 't', identity: 'i', expiresInMs: 90_000 };

describe('the way of the sound', () => {
  it('is what the server says, and unknown before it has', () => {
    expect([null, NONE, RELAY, LIVEKIT].map(wayOf)).toEqual([null, 'none', 'relay', 'livekit']);
  });

  it('is none for a kind that only a newer client knows', () => {
    expect(wayOf(JSON.parse('{"kind": "carrier_pigeon"}'))).toBe('none');
  });

  it.each([
    ['a media server', false, LIVEKIT, false],
    ['no media server', false, NONE, true],
    ['no media server, and no sound on the socket either', true, NONE, false],
    ['sound on the socket', true, RELAY, false],
  ])('with %s', (_what, hasAsked, media, expected) => {
    expect(shouldAskForRelay(hasAsked, media)).toBe(expected);
  });
});
