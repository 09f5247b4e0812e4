import { z } from 'zod';
import { instant, instantMeta } from '../history/contract.ts';
import { exampleId, pageQuery, uuidV7 } from '../http/contract.ts';
import { floorSnapshot, presentMember } from '../realtime/protocol/index.ts';

/** The wire objects of the admin routes; most belong to the domains that they are about. */
export { auditEntry } from '../audit/contract.ts';
export { session } from '../auth/contract.ts';
export { pairingCode } from '../auth/pairing/contract.ts';
export { groupChange, managedGroup, member, memberChange, newGroup, newManager } from '../groups/contract.ts';
export { newUser, user, userChange } from '../users/contract.ts';

/** A group as it is now, all processes together. Source: the contract's `GET /admin/live`. */
export const liveGroup = z
  .object({
    group: z.object({ id: uuidV7, name: z.string() }),
    floor: floorSnapshot,
    presence: z.array(presentMember).meta({ description: 'who is there, the first 500' }),
    connections: z.int().meta({ description: 'sockets in the group' }),
  })
  .meta({
    id: 'LiveGroup',
    description: 'A group as it is now, all processes together',
    examples: [
      {
        group: { id: exampleId.group, name: 'Harbour' },
        floor: {
          state: 'taken',
          talkId: exampleId.talk,
          streamId: 4_711,
          speaker: { userId: exampleId.user, displayName: 'Dora Delta' },
          elapsedMs: 1_500,
          remainingMs: 58_500,
          emergency: false,
          mine: false,
        },
        presence: [{ userId: exampleId.user, displayName: 'Dora Delta', role: 'member' }],
        connections: 1,
      },
    ],
  });
export type LiveGroup = z.infer<typeof liveGroup>;

export const sessionsQuery = z.strictObject({
  ...pageQuery,
  userId: uuidV7.optional().meta({ description: 'whose' }),
  from: instant.meta({ ...instantMeta, description: 'signed in then or later', example: '2026-01-31T00:00:00Z' }),
  to: instant.meta({ ...instantMeta, description: 'signed in before then', example: '2026-02-01T00:00:00Z' }),
});

export const auditQuery = z.strictObject({
  ...pageQuery,
  groupId: uuidV7
    .optional()
    .meta({ description: 'what was done to the group or concerns it', example: exampleId.group }),
  userId: uuidV7.optional().meta({ description: 'what the user did, what was done to him or concerns him' }),
  from: instant.meta({ ...instantMeta, description: 'happened then or later', example: '2026-01-31T00:00:00Z' }),
  to: instant.meta({ ...instantMeta, description: 'happened before then', example: '2026-02-01T00:00:00Z' }),
});
