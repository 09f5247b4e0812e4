import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { AppError, invalidField } from '../errors.ts';
import { isCommonPassword } from './common-passwords.ts';

/**
 * argon2id with a bound: hashing is the most expensive thing the server does for a stranger. Passwords are taken in
 * NFC, as RFC 8265 has it: one keyboard writes `ä` as one character, another as two.
 */
export interface Passwords {
  /** Throws `validation_failed` about `field` for a common password, `dependency_unavailable` when the queue is full. */
  hash(password: string, field: string): Promise<string>;
  /** `hash: null` (nobody, or no password) takes as long as a real comparison and is never right. Throws when the queue is full. */
  isRight(password: string, storedHash: string | null): Promise<boolean>;
}

/** The library's default algorithm is argon2id. 19 MiB, 2 passes, 1 lane: OWASP's recommendation. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hashing shares the threads of file and name look-ups, of which Node has four. */
const hashesAtOnce = Math.min(3, Math.max(2, availableParallelism()));
const waitingAtMost = 256;

export function createPasswords(limits = { waitingAtMost }): Passwords {
  let running = 0;
  const waiting: Array<() => void> = [];
  let nobody: Promise<string> | undefined;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= hashesAtOnce) {
      if (waiting.length >= limits.waitingAtMost) {
        throw new AppError('dependency_unavailable', 'Too many people are signing in at the moment.', {
          dependency: 'password hashing',
          retryAfterMs: 2_000,
        });
      }
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    hash: async (password, field) => {
      await refuseCommonPassword(password, field);
      return inTurn(() => hash(password.normalize('NFC'), parameters));
    },
    isRight: (password, storedHash) =>
      inTurn(async () => {
        nobody ??= hash('no password is this one', parameters);
        const isEqual = await verify(storedHash ?? (await nobody), password.normalize('NFC'));
        // Lone surrogates all become U+FFFD on their way into the hash.
        return isEqual && storedHash !== null && password.isWellFormed();
      }),
  };
}

/** Throws `validation_failed` about `field` for a password that guessing begins with. */
export async function refuseCommonPassword(password: string, field: string): Promise<void> {
  if (await isCommonPassword(password)) throw invalidField(field, 'is too common: others would guess it');
}
