import { beforeEach, describe, expect, it } from 'vitest';
import { Account } from './account.ts';
import { ApiRefusal, type Tokens, type TokensApi } from './api.ts';
import { SignInNeeded } from './link/ports.ts';

let nowMs: number;
let kept: Map<string, string>;
let asked: string[];
let answer: (refreshToken: string) => Promise<Tokens>;
let account: Account;

function tokens(number: number): Tokens {
  return { accessToken: `access ${number}`, refreshToken: `refresh ${number}`, expiresInMs: 600_000 };
}

beforeEach(async () => {
  nowMs = 1_000;
  kept = new Map();
  asked = [];
  answer = async () => tokens(asked.length + 1);
  const api: TokensApi = {
    login: async () => tokens(1),
    pair: async () => tokens(1),
    refresh: (refreshToken) => {
      asked.push(refreshToken);
      return answer(refreshToken);
    },
    logout: () => Promise.reject(new Error('no network')),
  };
  const store = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  account = new Account(api, store, () => nowMs);
  await account.signIn({ username: 'u', password: 'p' });
});

describe('an account', () => {
  it('uses its token while it lives, and renews it then', async () => {
    expect(await account.current()).toBe('access 1');
    nowMs += 595_000;
    expect(await account.current()).toBe('access 2');
    expect(asked).toEqual(['refresh 1']);
    await account.renew();
    expect(asked).toEqual(['refresh 1', 'refresh 2']);
  });

  it('renews once for all who ask at the same time', async () => {
    expect(await Promise.all([account.renew(), account.renew()])).toEqual(['access 2', 'access 2']);
    expect(asked.length).toBe(1);
  });

  it('is forgotten when the server has ended its session', async () => {
    answer = () => Promise.reject(new ApiRefusal(401, 'refresh_reused', null));
    await expect(account.renew()).rejects.toBeInstanceOf(SignInNeeded);
    expect(account.isSignedIn).toBe(false);
    await expect(account.current()).rejects.toBeInstanceOf(SignInNeeded);
  });

  it.each([
    ['no network', new TypeError('failed to fetch')],
    ['a database that is away', new ApiRefusal(503, 'dependency_unavailable', null)],
  ])('survives %s', async (_what, fault) => {
    answer = () => Promise.reject(fault);
    await expect(account.renew()).rejects.toBe(fault);
    expect(account.isSignedIn).toBe(true);
    answer = async () => tokens(9);
    expect(await account.renew()).toBe('access 9');
  });

  it('does not come back by a renewal that was under way at the sign-out', async () => {
    const renewal = account.renew();
    await account.signOut();
    await expect(renewal).rejects.toBeInstanceOf(SignInNeeded);
    expect(account.isSignedIn).toBe(false);
  });

  it('is nobody with a store that holds something else', () => {
    kept.set('neda.session', '{"accessToken": 1}');
    expect(account.isSignedIn).toBe(false);
  });
});
