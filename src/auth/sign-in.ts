import type { Audit } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import { addressKey } from '../infra/address-key.ts';
import type { ChangeContext, Origin, RunChange } from '../infra/change.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Users } from '../users/index.ts';
import type { Device, LoginRequest, PasswordChange, Tokens } from './contract.ts';
import { invalidCredentials } from './invalid-credentials.ts';
import type { OpenSession } from './open-session.ts';
import { refuseCommonPassword, type Passwords } from './passwords.ts';
import { createRecordThrottled } from './throttle/record.ts';
import type { AttemptKey } from './throttle/rules.ts';
import type { Throttle } from './throttle/throttle.ts';

/** What is done with a password by the one who knows it. */
export interface SignIn {
  /** Before the body of a login is read. Throws `too_many_requests`, `dependency_unavailable`. */
  checkLoginRate(request: { readonly requestId: string; readonly address: string }): Promise<void>;
  /**
   * Throws `invalid_credentials` alike for an unknown name, a wrong password and a disabled user, `too_many_requests`,
   * and `dependency_unavailable` when too many passwords wait to be hashed.
   */
  login(request: { readonly requestId: string; readonly address: string }, input: LoginRequest): Promise<Tokens>;
  /** Other sessions end. Throws `wrong_password`, `too_many_requests`, `validation_failed` for a common password. */
  changePassword(
    origin: Origin,
    who: { readonly userId: string; readonly username: string; readonly sessionId: string; readonly address: string },
    input: PasswordChange,
  ): Promise<void>;
}

export function createSignIn(parts: {
  readonly runChange: RunChange;
  readonly audit: Audit;
  readonly users: Users;
  readonly telemetry: Telemetry;
  readonly throttle: Throttle;
  readonly passwords: Passwords;
  readonly openSession: OpenSession;
  readonly endSessionsOf: (
    context: ChangeContext,
    userId: string,
    cause: 'password_changed',
    exceptId: string,
  ) => Promise<void>;
}): SignIn {
  const { runChange, audit, users, telemetry, throttle, passwords } = parts;
  const recordThrottled = createRecordThrottled(audit, throttle);

  function checkLoginRate({ requestId, address }: { requestId: string; address: string }): Promise<void> {
    const key = addressAttempt(address);
    const refused = { action: 'auth.login', target: null, key };
    return recordThrottled({ actor: { type: 'anonymous' }, requestId }, refused, () => throttle.check(key));
  }

  async function login(request: { requestId: string; address: string }, input: LoginRequest): Promise<Tokens> {
    const { requestId } = request;
    const account = accountAttempt(input.username);
    const refused = { action: 'auth.login', target: null, key: account };
    let userId: string | undefined;
    try {
      return await recordThrottled({ actor: { type: 'anonymous' }, requestId }, refused, () =>
        throttle.attempt([account, addressAttempt(request.address)], async () => {
          const found = await users.findCredentials(input.username);
          userId = found?.id;
          const isRight = await passwords.isRight(input.password, found?.passwordHash ?? null);
          if (found === null || !isRight || found.disabled) throw invalidCredentials();
          return openSession(requestId, found, input.device);
        }),
      );
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid_credentials') await recordRefusal(requestId, userId);
      throw error;
    }
  }

  /** The password may have been taken from him, or he from us, while it was compared. */
  async function openSession(requestId: string, found: Credentials, device: Device): Promise<Tokens> {
    const origin: Origin = { actor: { type: 'user', userId: found.id }, requestId };
    const tokens = await runChange(origin, async (context) => {
      const user = await users.holdCredentials(context, found.id, 'share');
      if (user === null || user.disabled || user.passwordHash !== found.passwordHash) throw invalidCredentials();
      const opened = await parts.openSession(context, user, device);
      await audit.record(context, {
        action: 'auth.login',
        target: { type: 'session', id: opened.session.id },
        details: { device },
      });
      return opened;
    });
    telemetry.signedIn({ requestId, userId: found.id, sessionId: tokens.session.id, deviceKind: device.kind });
    return tokens;
  }

  async function recordRefusal(requestId: string, userId: string | undefined): Promise<void> {
    await runChange({ actor: { type: 'anonymous' }, requestId }, (context) =>
      audit.record(context, {
        action: 'auth.login',
        target: userId === undefined ? null : { type: 'user', id: userId },
        result: 'failure',
      }),
    );
    telemetry.signInRefused({ requestId, ...(userId === undefined ? {} : { userId }) });
  }

  const changePassword: SignIn['changePassword'] = async (origin, who, input) => {
    await refuseCommonPassword(input.newPassword, 'newPassword');
    const target = { type: 'user', id: who.userId };
    const action = 'auth.password_changed';
    const account = accountAttempt(who.username);
    try {
      await recordThrottled(origin, { action, target, key: account }, () =>
        throttle.attempt([account, addressAttempt(who.address)], async () => {
          const before = await users.findCredentials(who.username);
          const isRight = await passwords.isRight(input.currentPassword, before?.passwordHash ?? null);
          if (before?.id !== who.userId || !isRight) throw wrongPassword();
          const passwordHash = await passwords.hash(input.newPassword, 'newPassword');
          await runChange(origin, async (context) => {
            const user = await users.holdCredentials(context, who.userId, 'update');
            if (user?.passwordHash !== before.passwordHash) throw wrongPassword();
            await users.replacePassword(context, who.userId, passwordHash);
            await parts.endSessionsOf(context, who.userId, 'password_changed', who.sessionId);
            await audit.record(context, { action, target });
          });
        }),
      );
    } catch (error) {
      if (error instanceof AppError && error.code === 'wrong_password') {
        await runChange(origin, (context) => audit.record(context, { action, target, result: 'failure' }));
      }
      throw error;
    }
  };

  return { checkLoginRate, login, changePassword };
}

interface Credentials {
  readonly id: string;
  readonly passwordHash: string | null;
}

function accountAttempt(username: string): AttemptKey {
  return { kind: 'login_account', name: username.toLowerCase() };
}

function addressAttempt(address: string): AttemptKey {
  return { kind: 'login_address', name: addressKey(address) };
}

function wrongPassword(): AppError {
  return new AppError('wrong_password', 'The current password is wrong.');
}
