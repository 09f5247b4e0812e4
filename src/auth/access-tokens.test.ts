import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { createAccessTokens } from './access-tokens.ts';

const claims = {
  userId: '01890a5d-ac96-774b-bcce-b302099a8057',
  sessionId: '01890a5e-1d40-7c2e-9f61-4b7a0d3e5c18',
  rotation: 0,
  pair: 'p',
};

it.each([0, 1, 499, 999])('live no longer than they are said to, %i ms after a full second', async (offsetMs) => {
  const nowMs = 1_800_000_000_000 + offsetMs;
  const tokens = createAccessTokens({
    keys: ['only-for-tests-0123456789-0123456789-0123456789'],
    ttlMs: 600_000,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
  });
  const token = await tokens.issue(claims);
  const { exp = Number.NaN, iat = Number.NaN } = decodeJwt(token);
  expect(exp - iat).toBe(600);
  expect(exp * 1_000).toBeLessThanOrEqual(nowMs + 600_000);
  expect(exp * 1_000).toBeGreaterThan(nowMs + 599_000);
  expect(await tokens.verify(token)).toEqual({ ok: true, claims: { ...claims, expiresAtMs: exp * 1_000 } });
});
