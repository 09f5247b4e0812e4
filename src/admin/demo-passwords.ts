import { createHmac } from 'node:crypto';
import type { Auth } from '../auth/index.ts';
import type { RunChange } from '../infra/change.ts';
import type { Users } from '../users/index.ts';
import { demoUsernames } from './first-data.ts';
import type { Admin } from './service.ts';

interface Parts {
  readonly runChange: RunChange;
  readonly users: Users;
  readonly auth: Auth;
  readonly admin: Admin;
}

const letters = 'bcdfghjkmnpqrstvwxyz';

/**
 * The demo users' password of this deployment, where others than this machine reach the server: 12 letters in groups
 * of four, 52 bits, made of the signing key and therefore the same at each start.
 */
export function ownDemoPassword(secretKey: string): string {
  const digest = createHmac('sha256', secretKey).update('demo password').digest('hex');
  let rest = BigInt(`0x${digest}`);
  let text = '';
  for (let index = 0; index < 12; index += 1) {
    text += letters.charAt(Number(rest % 20n));
    rest /= 20n;
  }
  return text.replaceAll(/(.{4})(?=.)/g, '$1-');
}

/**
 * Gives `wanted` to each demo user who still has one of the passwords that a start gives (`known`); one that somebody
 * chose stays. Sessions of who gets another password end. Resolves to the names of those.
 */
export async function settleDemoPasswords(
  parts: Parts,
  { wanted, known }: { readonly wanted: string; readonly known: readonly string[] },
): Promise<string[]> {
  const unwanted = [...new Set(known)].filter((password) => password !== wanted);
  const changed: string[] = [];
  for (const username of demoUsernames) {
    if (await settle(parts, username, wanted, unwanted)) changed.push(username);
  }
  return changed;
}

async function settle(parts: Parts, username: string, wanted: string, unwanted: readonly string[]): Promise<boolean> {
  const { runChange, users, auth, admin } = parts;
  const found = await users.findCredentials(username);
  if (found === null) return false;
  const matches = await Promise.all(unwanted.map((password) => auth.isPassword(password, found.passwordHash)));
  if (!matches.includes(true)) return false;
  const passwordHash = await auth.hashPassword(wanted);
  return runChange({ actor: { type: 'system' }, requestId: 'demo-data' }, async (context) => {
    const held = await users.holdCredentials(context, found.id, 'update');
    if (held?.passwordHash !== found.passwordHash) return false;
    await admin.updateUser(context, found.id, { passwordHash });
    return true;
  });
}
