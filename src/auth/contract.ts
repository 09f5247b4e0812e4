import { z } from 'zod';
import { exampleId, plainText, timestampText, uuidV7 } from '../http/contract.ts';
import { nameText } from '../http/text/contract.ts';
import { newPassword, ownUser } from '../users/contract.ts';

const deviceKind = z.enum(['watch', 'phone', 'browser', 'console', 'other']);

const device = z.strictObject({
  name: nameText(1, 64).meta({ examples: ['Watch of Dora'] }),
  kind: deviceKind,
});
export type Device = z.infer<typeof device>;

const sessionId = uuidV7.meta({ examples: [exampleId.session] });
const tokenExample = '01890a5e-1d40-7c2e-9f61-4b7a0d3e5c18.7.ZmljdGl2ZSwgYnV0IG9mIHRoZSByaWdodCBzaXpl';
const typed = plainText(1, 256);

/** What was typed, whatever it is: only its size is limited, so that every wrong pair is answered alike. */
export const loginRequest = z.strictObject({
  username: typed.meta({ examples: ['dora'] }),
  password: typed.meta({ format: 'password', examples: ['correct horse battery staple'] }),
  device,
});
export type LoginRequest = z.infer<typeof loginRequest>;

export const refreshRequest = z.strictObject({
  refreshToken: plainText(1, 4_096).meta({ examples: [tokenExample] }),
});

export const passwordChange = z.strictObject({
  currentPassword: typed.meta({ format: 'password', examples: ['what it was until now'] }),
  newPassword,
});
export type PasswordChange = z.infer<typeof passwordChange>;

export const session = z
  .object({
    id: sessionId,
    userId: uuidV7,
    device: z.object({ name: z.string().meta({ examples: ['Watch of Dora'] }), kind: deviceKind }),
    createdAt: timestampText,
    lastSeenAt: timestampText,
    current: z.boolean().meta({ description: 'whether it is the session that asks', examples: [true] }),
  })
  .meta({ id: 'Session', description: 'A device that is signed in' });
export type Session = z.infer<typeof session>;

export const tokens = z
  .object({
    accessToken: z.string().meta({
      description: 'a JWT for `Authorization: Bearer`',
      examples: ['eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTg5MGE1ZCJ9.c2lnbmF0dXJl'],
    }),
    tokenType: z.literal('Bearer'),
    expiresInMs: z.int().meta({ description: 'of the access token', examples: [600_000] }),
    refreshToken: z.string().meta({ description: 'for one `POST /api/v1/auth/refresh`', examples: [tokenExample] }),
    session: z.object({ id: sessionId }),
    user: ownUser,
  })
  .meta({ id: 'Tokens', description: 'A pair of tokens' });
export type Tokens = z.infer<typeof tokens>;

export const ownAccount = z.object({ user: ownUser, session });

export type { OwnUser } from '../users/contract.ts';
