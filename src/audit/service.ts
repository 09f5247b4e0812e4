import type { ChangeContext } from '../infra/change.ts';
import { insertEntry } from './repo.ts';

interface AuditEntry {
  /** Dotted, past tense or noun: `user.created`, `auth.login`. */
  readonly action: string;
  readonly target: { readonly type: string; readonly id: string } | null;
  /** `success` when absent. */
  readonly result?: 'success' | 'failure';
  /** Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The append-only record of who did what. */
export interface Audit {
  /** Commits with the change that it records. */
  record(context: ChangeContext, entry: AuditEntry): Promise<void>;
}

export function createAudit(): Audit {
  return {
    record: (context, entry) =>
      insertEntry(context.tx, {
        actorType: context.actor.type,
        actorUserId: context.actor.type === 'user' ? context.actor.userId : null,
        action: entry.action,
        targetType: entry.target?.type ?? null,
        targetId: entry.target?.id ?? null,
        result: entry.result ?? 'success',
        requestId: context.requestId,
        details: entry.details ?? {},
      }),
  };
}
