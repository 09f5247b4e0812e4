import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;
let nowShiftMs = 0;

beforeAll(async () => {
  const clock = { nowMs: () => Date.now() + nowShiftMs, monotonicMs: () => performance.now() + nowShiftMs };
  server = await startInProcess({ overrides: { clock } });
});

afterAll(() => server[Symbol.asyncDispose]());

async function refresh(refreshToken: string): Promise<wire.Tokens> {
  return wire.tokens.parse(await server.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } }));
}

async function refreshRefused(refreshToken: string): Promise<string> {
  return (await server.rest.expectProblem(401, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } })).code;
}

async function me(token: string): Promise<number> {
  return (await server.rest.request('GET', '/api/v1/auth/me', { token })).status;
}

describe('refresh', () => {
  it('rotates, and the used token is refused after the new access token was used', async () => {
    const first = await server.rest.login('alice');
    const second = await refresh(first.refreshToken);
    expect(second.session.id).toBe(first.session.id);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await me(second.accessToken)).toBe(200);
    expect(await refreshRefused(first.refreshToken)).toBe('refresh_reused');
    expect(await me(second.accessToken)).toBe(401);
    expect(await refreshRefused(second.refreshToken)).toBe('token_invalid');
  });

  it('accepts the used token again while the answer may have been lost', async () => {
    const first = await server.rest.login('alice');
    await refresh(first.refreshToken);
    const third = await refresh(first.refreshToken);
    expect(await me(first.accessToken)).toBe(200);
    const fourth = await refresh(third.refreshToken);
    expect(await refreshRefused(first.refreshToken)).toBe('refresh_reused');
    expect(await me(fourth.accessToken)).toBe(401);
  });

  it.each(['access token', 'refresh token'])(
    'accepts both answers to racing refreshes, also after the %s of one was used',
    async (used) => {
      const first = await server.rest.login('alice');
      const [left, right] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
      const kept = used === 'access token' ? left : await refresh(left.refreshToken);
      if (used === 'access token') expect(await me(left.accessToken)).toBe(200);
      expect(await me(right.accessToken)).toBe(200);
      const next = await refresh(right.refreshToken);
      expect(await me(kept.accessToken)).toBe(200);
      expect(await me(next.accessToken)).toBe(200);
      await refresh(next.refreshToken);
    },
  );

  it('accepts every answer to many repeated refreshes', async () => {
    const first = await server.rest.login('alice');
    const answers = await Promise.all(Array.from({ length: 12 }, () => refresh(first.refreshToken)));
    for (const { accessToken } of answers) expect(await me(accessToken)).toBe(200);
    for (const { refreshToken } of answers) await refresh(refreshToken);
  });

  it('goes on with either of two answers long after', async () => {
    const first = await server.rest.login('alice');
    const [left, right] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
    expect(await me(left.accessToken)).toBe(200);
    try {
      nowShiftMs += 3_600_000;
      const next = await refresh(right.refreshToken);
      expect(await me(next.accessToken)).toBe(200);
    } finally {
      nowShiftMs -= 3_600_000;
    }
  });

  it('takes the token that both answers came for as reuse once one of them was used', async () => {
    const first = await server.rest.login('alice');
    const [left, right] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
    expect(await me(right.accessToken)).toBe(200);
    expect(await refreshRefused(first.refreshToken)).toBe('refresh_reused');
    expect(await me(left.accessToken)).toBe(401);
    expect(await refreshRefused(left.refreshToken)).toBe('token_invalid');
  });

  it('takes the other answer as reuse once what came of one of them was used', async () => {
    const first = await server.rest.login('alice');
    const [left, right] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
    const next = await refresh(left.refreshToken);
    expect(await me(next.accessToken)).toBe(200);
    expect(await refreshRefused(right.refreshToken)).toBe('refresh_reused');
    expect(await me(next.accessToken)).toBe(401);
  });

  it('takes the other answer as reuse 120 s after one of them was rotated', async () => {
    const first = await server.rest.login('alice');
    const [left, right] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
    await refresh(left.refreshToken);
    try {
      nowShiftMs += 121_000;
      expect(await refreshRefused(right.refreshToken)).toBe('refresh_reused');
    } finally {
      nowShiftMs -= 121_000;
    }
  });

  it('accepts the used token for 120 s at most', async () => {
    const first = await server.rest.login('alice');
    await refresh(first.refreshToken);
    try {
      nowShiftMs += 121_000;
      expect(await refreshRefused(first.refreshToken)).toBe('refresh_reused');
    } finally {
      nowShiftMs -= 121_000;
    }
  });

  it('knows a token that was rotated away long ago', async () => {
    const first = await server.rest.login('alice');
    let latest = first;
    for (let round = 0; round < 3; round += 1) latest = await refresh(latest.refreshToken);
    expect(await refreshRefused(first.refreshToken)).toBe('refresh_reused');
    expect(await me(latest.accessToken)).toBe(401);
  });

  it('takes an invented token of a known session for nothing', async () => {
    const first = await server.rest.login('alice');
    const bytes = Buffer.from(first.refreshToken.slice(4), 'base64url');
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    expect(await refreshRefused(`nrt_${bytes.toString('base64url')}`)).toBe('token_invalid');
    expect(await refreshRefused('nrt_x')).toBe('token_invalid');
    expect(await refreshRefused('x'.repeat(4_000))).toBe('token_invalid');
    expect(await me(first.accessToken)).toBe(200);
  });

  it('refuses a lapsed token', async () => {
    const first = await server.rest.login('alice');
    const shiftMs = 31 * 24 * 3_600_000;
    try {
      nowShiftMs += shiftMs;
      expect(await refreshRefused(first.refreshToken)).toBe('token_expired');
    } finally {
      nowShiftMs -= shiftMs;
    }
  });
});
