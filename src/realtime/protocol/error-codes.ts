import { z } from 'zod';

/** The codes of `ERROR`. */
export const socketErrorCode = z
  .enum([
    'invalid_message',
    'unknown_type',
    'not_found',
    'forbidden',
    'not_joined',
    'limit_reached',
    'rate_limited',
    'unavailable',
    'internal',
  ])
  .describe('What was refused.');
export type SocketErrorCode = z.infer<typeof socketErrorCode>;
