import type { Session } from './contract.ts';
import type { SessionRow } from './repo.ts';

export function sessionOnWire(row: SessionRow, isCurrent: boolean): Session {
  return {
    id: row.id,
    userId: row.userId,
    device: { name: row.deviceName, kind: row.deviceKind },
    createdAt: row.createdAt.toISOString(),
    lastSeenAt: row.lastSeenAt.toISOString(),
    current: isCurrent,
  };
}
