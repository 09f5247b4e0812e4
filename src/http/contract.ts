import { z } from 'zod';
import { lineOfText } from './text/contract.ts';

/** What every part of the REST contract shares: ids, texts, lists and problems. Source: the contract's "Conventions". */

/** The ids of the API document's examples, so that they name the same things everywhere. */
export const exampleId = {
  user: '01890a5d-ac96-774b-bcce-b302099a8057',
  session: '01890a5e-1d40-7c2e-9f61-4b7a0d3e5c18',
  group: '01890a5e-7a11-7d06-8e3b-5f29c4a1b672',
  voiceSession: '01890a60-02b4-7f5d-a1c8-93e6d7f40b25',
  talk: '01890a60-2c9e-7a83-b4f0-6d18e25c7a39',
} as const;

/** UUIDv7 (RFC 9562), lower case: the only form of an id on the wire. */
export const uuidV7 = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'must be a UUIDv7 in lower case, such as 01890a5d-ac96-774b-bcce-b302099a8057',
  )
  .meta({ format: 'uuid', examples: [exampleId.user] });

/** RFC 3339 in UTC. */
export const timestampText = z.string().meta({ format: 'date-time', examples: ['2026-01-31T09:30:00.000Z'] });

/** A string taken as it is, of `minimum` to `maximum` code points. */
export function plainText(minimum: number, maximum: number) {
  // No string has more code points than UTF-16 units: what is far too long is not counted.
  const lengthOf = (value: string): number => (value.length > 2 * maximum ? Infinity : [...value].length);
  const characters = minimum === 1 ? 'character' : 'characters';
  return z
    .string()
    .refine((value) => lengthOf(value) >= minimum, `must be at least ${minimum} ${characters} long`)
    .refine((value) => lengthOf(value) <= maximum, `must be at most ${maximum} characters long`)
    .meta({ minLength: minimum, maxLength: maximum });
}

/** `limit` and `cursor` of every list. */
export const pageQuery = {
  limit: z
    .string()
    .refine((value) => /^[1-9][0-9]?$|^100$/.test(value), 'must be a whole number from 1 to 100')
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum: 1, maximum: 100, description: 'how many at most; 50 when absent', example: 20 }),
  cursor: plainText(1, 512)
    .optional()
    .meta({
      description: '`nextCursor` of the page before, with the same filters',
      examples: ['7sZz0Qd2n1o8rV5kMDE5MGE1ZC1hYzk2LTc3NGI'],
    }),
};

export const defaultPageSize = 50;

/** Part of a name to look for, any case. */
export const searchText = lineOfText(0, 64)
  .optional()
  .meta({ description: 'part of a name, any case; nothing looks for all', examples: ['ali'] });

export const noQuery = z.strictObject({});
/** For requests that need no body: none, or `{}`. */
export const noBody = z.strictObject({}).optional();
export const noContent = z.undefined().meta({ description: 'Done' });

/** One page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  const nextCursor = z.string().nullable().meta({ description: '`cursor` of the next page; null on the last one' });
  return z.object({ items: z.array(item), nextCursor }).meta({ description: 'One page of the list' });
}

/** RFC 9457, with the fields of the contract. */
const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    dependency: z.string().optional(),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'A refusal (RFC 9457)' });
export type Problem = z.infer<typeof problem>;
