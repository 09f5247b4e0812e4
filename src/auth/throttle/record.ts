import type { Audit } from '../../audit/index.ts';
import { AppError } from '../../errors.ts';
import type { Origin } from '../../infra/change.ts';
import type { AttemptKey } from './rules.ts';
import type { Throttle } from './throttle.ts';

/**
 * Runs `work`; when that is refused as `too_many_requests`, it is recorded: one row a minute for each action and key,
 * which stands in it as what it is counted by, never as the name.
 */
export type RecordThrottled = <T>(
  origin: Origin,
  refused: {
    readonly action: string;
    readonly target: { readonly type: string; readonly id: string } | null;
    readonly key: AttemptKey;
  },
  work: () => Promise<T>,
) => Promise<T>;

export function createRecordThrottled(audit: Audit, throttle: Throttle): RecordThrottled {
  return async (origin, { action, target, key }, work) => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AppError && error.code === 'too_many_requests') {
        const entry = { action, target, result: 'failure', details: { reason: 'throttled' } } as const;
        audit.recordSoon(origin, entry, { onceAMinute: `${action} ${throttle.idOf(key)}` });
      }
      throw error;
    }
  };
}
