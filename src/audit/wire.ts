import type { AuditEntry } from './contract.ts';
import type { AuditRow } from './repo.ts';

export function auditEntryOnWire(row: AuditRow): AuditEntry {
  const { id, at, actorType, actorUserId, action, targetType, targetId, result, requestId, details } = row;
  return {
    id,
    at: at.toISOString(),
    actor: { type: actorType, ...(actorUserId === null ? {} : { userId: actorUserId }) },
    action,
    target: targetType === null || targetId === null ? null : { type: targetType, id: targetId },
    result,
    requestId,
    details: { ...details },
  };
}
