import { expect, it } from 'vitest';
import { createPasswords } from './passwords.ts';

it('makes argon2id hashes with the agreed cost, and compares with them', async () => {
  const passwords = createPasswords();
  const hash = await passwords.hash('a good password', 'password');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await passwords.isRight('a good password', hash)).toBe(true);
  expect(await passwords.isRight('another password', hash)).toBe(false);
  expect(await passwords.isRight('a good password', null)).toBe(false);
});

it('takes a password as the same however a keyboard composes its letters', async () => {
  const passwords = createPasswords();
  const [composed, decomposed] = ['p\u00e4sswörter', 'pa\u0308sswörter'];
  expect(await passwords.isRight(composed, await passwords.hash(decomposed, 'password'))).toBe(true);
  expect(await passwords.isRight(decomposed, await passwords.hash(composed, 'password'))).toBe(true);
});

it.each(['password1', 'PassWord1', '12345678', '88888888', 'Contraseña', 'sunshine1', 'butterfly'])(
  'refuses %s, which guessing begins with',
  async (password) => {
    const refusal = { code: 'validation_failed', errors: [{ path: 'newPassword' }] };
    await expect(createPasswords().hash(password, 'newPassword')).rejects.toMatchObject(refusal);
  },
);

it('refuses at once what would wait too long, and does all the rest', async () => {
  const passwords = createPasswords({ waitingAtMost: 2 });
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => passwords.isRight('x', null)));
  const refused = answers.flatMap((answer): unknown[] => (answer.status === 'rejected' ? [answer.reason] : []));
  expect(refused.length).toBeGreaterThanOrEqual(7);
  expect(refused.length).toBeLessThanOrEqual(8);
  for (const refusal of refused) {
    expect(refusal).toMatchObject({
      code: 'dependency_unavailable',
      dependency: 'password hashing',
      retryAfterMs: 2_000,
    });
  }
  expect(await passwords.isRight('x', null)).toBe(false);
});

it('hashes beside the event loop, not on it', async () => {
  const passwords = createPasswords();
  const stored = await passwords.hash('a good password', 'password');
  let isDone = false;
  const done = passwords.isRight('a good password', stored).finally(() => {
    isDone = true;
  });
  let turns = 0;
  while (!isDone) {
    turns += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  expect(turns).toBeGreaterThan(20);
});
