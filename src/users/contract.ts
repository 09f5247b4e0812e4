import { z } from 'zod';
import { lineOfText, timestampText, uuidV7 } from '../http/contract.ts';

const userRole = z.enum(['admin', 'user']);
export type UserRole = z.infer<typeof userRole>;

const displayName = lineOfText(1, 64);

/** Any case in, lower case kept. */
export const username = z
  .string('must be 2 to 64 characters of a-z 0-9 . _ -')
  .regex(/^[A-Za-z0-9._-]{2,64}$/, 'must be 2 to 64 characters of a-z 0-9 . _ -')
  .overwrite((value) => value.toLowerCase());

export const newPassword = z
  .string('must be 8 to 256 characters long')
  .min(8, 'must be 8 to 256 characters long')
  .max(256, 'must be 8 to 256 characters long')
  .refine((value) => value.isWellFormed(), 'must be whole Unicode characters, without lone surrogates');

/** A user as admins see him. */
export const user = z
  .object({
    id: uuidV7,
    username: z.string(),
    displayName: z.string(),
    role: userRole,
    disabled: z.boolean(),
    createdAt: timestampText,
  })
  .meta({ id: 'User' });
export type User = z.infer<typeof user>;

/** A user as he sees himself. */
export const ownUser = z
  .object({ id: uuidV7, username: z.string(), displayName: z.string(), role: userRole })
  .meta({ id: 'OwnUser' });
export type OwnUser = z.infer<typeof ownUser>;

export const newUser = z.strictObject({
  username,
  displayName,
  password: newPassword.optional(),
  role: userRole.optional(),
});

export const userChange = z.strictObject({
  displayName: displayName.optional(),
  role: userRole.optional(),
  password: newPassword.optional(),
  disabled: z.boolean().optional(),
});
