import type { Origin } from '../infra/change.ts';
import { recordRefusal } from './refusals.ts';
import type { Audit } from './service.ts';

interface FloorAct {
  /** Who did it. */
  readonly by: { readonly userId: string; readonly requestId: string };
  readonly groupId: string;
}

/** What is recorded of the floor. None of these waits or throws. */
export interface FloorAudit {
  /** `userId`: who had the floor, or was being given it. */
  talkRevoked(act: FloorAct & { readonly talkId: string; readonly userId: string }): void;
  /** The live store did not answer: whether a talk ended is unknown. */
  revokeFailed(act: FloorAct): void;
  emergencyGranted(act: FloorAct & { readonly talkId: string }): void;
  /** His role does not allow what the message asks for. */
  refused(act: FloorAct & { readonly message: string }): void;
}

export function createFloorAudit(audit: Audit): FloorAudit {
  return {
    talkRevoked: ({ by, groupId, talkId, userId }) =>
      audit.recordSoon(originOf(by), floorRevoked(groupId, { talkId, userId })),
    revokeFailed: ({ by, groupId }) => {
      const entry = { action: 'floor.revoked', target: { type: 'group', id: groupId }, result: 'failure' } as const;
      audit.recordSoon(originOf(by), entry, { onceAMinute: `floor.revoked ${by.userId} ${groupId}` });
    },
    emergencyGranted: ({ by, groupId, talkId }) =>
      audit.recordSoon(originOf(by), {
        action: 'floor.emergency',
        target: { type: 'group', id: groupId },
        details: { talkId },
      }),
    refused: ({ by, groupId, message }) =>
      recordRefusal(audit, originOf(by), { what: { message }, target: { type: 'group', id: groupId } }),
  };
}

/** The entry of a revoked talk, wherever it is recorded. */
export function floorRevoked(groupId: string, talk: { readonly talkId: string; readonly userId: string }) {
  const { talkId, userId } = talk;
  return { action: 'floor.revoked', target: { type: 'group', id: groupId }, details: { talkId, userId } } as const;
}

function originOf({ userId, requestId }: FloorAct['by']): Origin {
  return { actor: { type: 'user', userId }, requestId };
}
