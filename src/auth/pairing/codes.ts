import { createHmac, randomInt } from 'node:crypto';

/**
 * Codes that are read from one screen and typed on another: 8 letters that are not mistaken for one another and make
 * no words. 20^8 of them are too few for a bare hash, so what is stored is an HMAC under the deployment's key.
 */
export interface PairingCodes {
  make(): { readonly shown: string; readonly hash: string };
  /** The hashes under which the code may be stored, one for each accepted key; none for what can be no code. */
  hashesOf(typed: string): string[];
}

const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const form = new RegExp(`^[${letters}]{8}$`);

/** `keys[0]` hashes what is made; codes of all of them are found. */
export function createPairingCodes(keys: readonly [string, ...string[]]): PairingCodes {
  const [newest, ...older] = keys.map((key) => createHmac('sha256', key).update('pairing code').digest());
  if (newest === undefined) throw new Error('a key is needed');

  return {
    make: () => {
      const code = Array.from({ length: 8 }, () => letters.charAt(randomInt(letters.length))).join('');
      return { shown: `${code.slice(0, 4)}-${code.slice(4)}`, hash: hashOf(newest, code) };
    },
    hashesOf: (typed) => {
      const code = typed.replaceAll(/[-\s]/g, '').toUpperCase();
      return form.test(code) ? [newest, ...older].map((key) => hashOf(key, code)) : [];
    },
  };
}

function hashOf(key: Buffer, code: string): string {
  return createHmac('sha256', key).update(code).digest('hex');
}
