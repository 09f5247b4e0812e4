import { z } from 'zod';
import { lineOfText, timestampText, uuidV7 } from '../http/contract.ts';
import { newPassword, ownUser } from '../users/contract.ts';

const deviceKind = z.enum(['watch', 'phone', 'browser', 'console', 'other']);

const device = z.strictObject({ name: lineOfText(1, 64), kind: deviceKind });
export type Device = z.infer<typeof device>;

/** What was typed, whatever it is: only its size is limited, so that every wrong pair is answered alike. */
export const loginRequest = z.strictObject({
  username: z.string().min(1, 'must not be empty').max(256, 'must be at most 256 characters long'),
  password: z.string().min(1, 'must not be empty').max(256, 'must be at most 256 characters long'),
  device,
});
export type LoginRequest = z.infer<typeof loginRequest>;

export const refreshRequest = z.strictObject({
  refreshToken: z.string().min(1, 'must not be empty').max(4_096, 'is too long for a token'),
});

export const passwordChange = z.strictObject({
  currentPassword: z.string().min(1, 'must not be empty').max(256, 'must be at most 256 characters long'),
  newPassword,
});
export type PasswordChange = z.infer<typeof passwordChange>;

export const session = z
  .object({
    id: uuidV7,
    userId: uuidV7,
    device: z.object({ name: z.string(), kind: deviceKind }),
    createdAt: timestampText,
    lastSeenAt: timestampText,
    current: z.boolean(),
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof session>;

export const tokens = z
  .object({
    accessToken: z.string(),
    tokenType: z.literal('Bearer'),
    expiresInMs: z.int(),
    refreshToken: z.string(),
    session: z.object({ id: uuidV7 }),
    user: ownUser,
  })
  .meta({ id: 'Tokens' });
export type Tokens = z.infer<typeof tokens>;

export const ownAccount = z.object({ user: ownUser, session });

export type { OwnUser } from '../users/contract.ts';
