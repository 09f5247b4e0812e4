import { z } from 'zod';
import { exampleId, plainText, timestampText, uuidV7 } from '../http/contract.ts';
import { nameText } from '../http/text/contract.ts';

const userRole = z.enum(['admin', 'user']).meta({ examples: ['user'] });
export type UserRole = z.infer<typeof userRole>;

const displayName = nameText(1, 64).meta({ examples: ['Dora Delta'] });
const ownId = uuidV7.meta({ examples: [exampleId.user] });

/** Any case in, lower case kept. */
export const username = z
  .string('must be 2 to 64 characters of a-z 0-9 . _ -')
  .regex(/^[A-Za-z0-9._-]{2,64}$/, 'must be 2 to 64 characters of a-z 0-9 . _ -')
  .overwrite((value) => value.toLowerCase())
  .meta({ description: 'any case, kept in lower case', examples: ['dora'] });

export const newPassword = plainText(8, 256)
  .refine((value) => value.isWellFormed(), 'must be whole Unicode characters, without lone surrogates')
  .meta({ format: 'password', description: 'none of the common ones', examples: ['correct horse battery staple'] });

/** A user as admins see him. */
export const user = z
  .object({
    id: ownId,
    username: z.string().meta({ examples: ['dora'] }),
    displayName: z.string().meta({ examples: ['Dora Delta'] }),
    role: userRole,
    disabled: z.boolean(),
    createdAt: timestampText,
  })
  .meta({ id: 'User', description: 'A user as admins see him' });
export type User = z.infer<typeof user>;

/** A user as he sees himself. */
export const ownUser = z
  .object({
    id: ownId,
    username: z.string().meta({ examples: ['dora'] }),
    displayName: z.string().meta({ examples: ['Dora Delta'] }),
    role: userRole,
  })
  .meta({ id: 'OwnUser', description: 'A user as he sees himself' });
export type OwnUser = z.infer<typeof ownUser>;

export const newUser = z.strictObject({
  username,
  displayName,
  password: newPassword.optional(),
  role: userRole.optional(),
});

export const userChange = z
  .strictObject({
    displayName: displayName.optional(),
    role: userRole.optional(),
    password: newPassword.optional(),
    disabled: z.boolean().optional(),
  })
  .meta({ examples: [{ displayName: 'Dora D. Delta', disabled: false }] });
