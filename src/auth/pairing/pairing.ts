import type { Audit } from '../../audit/index.ts';
import { AppError } from '../../errors.ts';
import { addressKey } from '../../infra/address-key.ts';
import type { ChangeContext, RunChange } from '../../infra/change.ts';
import type { Database } from '../../infra/postgres.ts';
import type { Telemetry } from '../../telemetry.ts';
import type { Users } from '../../users/index.ts';
import type { Device, Tokens } from '../contract.ts';
import { invalidCredentials } from '../invalid-credentials.ts';
import type { OpenSession } from '../open-session.ts';
import { createRecordThrottled } from '../throttle/record.ts';
import type { AttemptKey } from '../throttle/rules.ts';
import type { Throttle } from '../throttle/throttle.ts';
import { createPairingCodes } from './codes.ts';
import type { PairingCode, PairRequest } from './contract.ts';
import * as repo from './repo.ts';

/** Signing in a device without keyboard: an admin makes a code, the device posts it. */
export interface Pairing {
  /** A further code; those made before stay open. Throws `not_found`, `user_disabled`. */
  makePairingCode(context: ChangeContext, userId: string): Promise<PairingCode>;
  /** Before the body of a pairing is read. Throws `too_many_requests`, `dependency_unavailable`. */
  checkPairingRate(request: { readonly requestId: string; readonly address: string }): Promise<void>;
  /**
   * Throws `invalid_credentials` alike for a code that is wrong, used, void or expired and for a disabled user, and
   * `too_many_requests`.
   */
  pair(request: { readonly requestId: string; readonly address: string }, input: PairRequest): Promise<Tokens>;
}

const codeLifeMs = 10 * 60_000;

export function createPairing(parts: {
  readonly database: Database;
  readonly runChange: RunChange;
  readonly audit: Audit;
  readonly users: Users;
  readonly telemetry: Telemetry;
  readonly secretKeys: readonly [string, ...string[]];
  readonly throttle: Throttle;
  readonly openSession: OpenSession;
}): {
  readonly pairing: Pairing;
  /** For whoever ends what a user was trusted with. */
  readonly voidCodesOf: (context: ChangeContext, userId: string) => Promise<void>;
  readonly deleteExpiredCodes: () => Promise<void>;
} {
  const { database, runChange, audit, users, telemetry, throttle } = parts;
  const recordThrottled = createRecordThrottled(audit, throttle);
  const codes = createPairingCodes(parts.secretKeys);

  async function makePairingCode(context: ChangeContext, userId: string): Promise<PairingCode> {
    const user = await users.hold(context, userId);
    if (user.disabled) throw new AppError('user_disabled', 'The user is disabled: enable him first.');
    let made = codes.make();
    while (!(await repo.insertCode(context.tx, { userId, codeHash: made.hash, lifeMs: codeLifeMs }))) {
      made = codes.make();
    }
    await audit.record(context, { action: 'pairing_code.created', target: { type: 'user', id: userId } });
    return { code: made.shown, expiresInMs: codeLifeMs };
  }

  /** A refusal of the throttle is recorded. */
  function whenAllowed<T>(
    { requestId, address }: { readonly requestId: string; readonly address: string },
    work: (key: AttemptKey) => Promise<T>,
  ): Promise<T> {
    const key: AttemptKey = { kind: 'pairing_address', name: addressKey(address) };
    const refused = { action: 'auth.paired', target: null, key };
    return recordThrottled({ actor: { type: 'anonymous' }, requestId }, refused, () => work(key));
  }

  async function pair(
    request: { readonly requestId: string; readonly address: string },
    input: PairRequest,
  ): Promise<Tokens> {
    const { requestId } = request;
    const { device } = input;
    let userId: string | undefined;
    try {
      const tokens = await whenAllowed(request, (key) =>
        throttle.attempt([key], async () => {
          const code = await database.read((query) => repo.findCode(query, codes.hashesOf(input.code)));
          if (code === null) throw invalidCredentials();
          ({ userId } = code);
          return signIn(requestId, code, device);
        }),
      );
      telemetry.signedIn({
        requestId,
        userId: tokens.user.id,
        sessionId: tokens.session.id,
        deviceKind: device.kind,
      });
      return tokens;
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid_credentials') await recordRefusal(requestId, userId);
      throw error;
    }
  }

  /** Whoever voids a user's codes holds him first too. */
  function signIn(
    requestId: string,
    code: { readonly id: string; readonly userId: string },
    device: Device,
  ): Promise<Tokens> {
    const origin = { actor: { type: 'user', userId: code.userId }, requestId } as const;
    return runChange(origin, async (context) => {
      const user = await users.holdCredentials(context, code.userId, 'share');
      if (user === null || user.disabled || !(await repo.useCode(context.tx, code.id))) throw invalidCredentials();
      const tokens = await parts.openSession(context, user, device);
      await audit.record(context, {
        action: 'auth.paired',
        target: { type: 'session', id: tokens.session.id },
        details: { device },
      });
      return tokens;
    });
  }

  async function recordRefusal(requestId: string, userId: string | undefined): Promise<void> {
    await runChange({ actor: { type: 'anonymous' }, requestId }, (context) =>
      audit.record(context, {
        action: 'auth.paired',
        target: userId === undefined ? null : { type: 'user', id: userId },
        result: 'failure',
      }),
    );
    telemetry.signInRefused({ requestId, ...(userId === undefined ? {} : { userId }) });
  }

  return {
    pairing: { makePairingCode, checkPairingRate: (request) => whenAllowed(request, throttle.check), pair },
    voidCodesOf: (context, userId) => repo.deleteCodesOf(context.tx, userId),
    deleteExpiredCodes: () => database.read((query) => repo.deleteExpiredCodes(query)),
  };
}
