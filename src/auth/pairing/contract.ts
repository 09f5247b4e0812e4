import { z } from 'zod';
import { plainText } from '../../http/contract.ts';
import { loginRequest } from '../contract.ts';

/** What was typed, whatever it is, as for a password: only its size is limited. */
export const pairRequest = z.strictObject({
  code: plainText(0, 64).meta({ description: 'in any case; hyphens and spaces are ignored', examples: ['BCDF-GHJK'] }),
  device: loginRequest.shape.device,
});
export type PairRequest = z.infer<typeof pairRequest>;

export const pairingCode = z
  .object({
    code: z
      .string()
      .regex(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
      .meta({ examples: ['BCDF-GHJK'] }),
    expiresInMs: z.int().meta({ examples: [600_000] }),
  })
  .meta({ id: 'PairingCode', description: 'Signs one device in, once' });
export type PairingCode = z.infer<typeof pairingCode>;
