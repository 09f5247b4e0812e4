import { z } from 'zod';
import { exampleId, timestampText, uuidV7 } from '../http/contract.ts';

/** Who did what, on whom, and how it ended. Source: the contract's "audit entry". */
export const auditEntry = z
  .object({
    id: uuidV7,
    at: timestampText,
    actor: z.object({
      type: z.enum(['user', 'system', 'anonymous']),
      userId: uuidV7.optional().meta({ description: 'who it was, when the type is `user`' }),
    }),
    action: z.string().meta({ description: 'dotted, as in `user.created`; others may come' }),
    target: z.object({ type: z.string(), id: z.string() }).nullable(),
    result: z.enum(['success', 'failure']),
    requestId: z
      .string()
      .meta({ description: 'of the request that it came from; of a message, the request that opened its socket' }),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({
    id: 'AuditEntry',
    description: 'Who did what, on whom, and how it ended',
    examples: [
      {
        id: '01890a60-30d2-7b19-8f57-2ac4e1936b08',
        at: '2026-01-31T09:30:07.250Z',
        actor: { type: 'user', userId: exampleId.user },
        action: 'floor.revoked',
        target: { type: 'group', id: exampleId.group },
        result: 'success',
        requestId: '01890a61-4f3b-7e20-8d5a-0c2b91f7a6e4',
        details: { talkId: exampleId.talk, userId: exampleId.user },
      },
    ],
  });
export type AuditEntry = z.infer<typeof auditEntry>;
