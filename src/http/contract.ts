import { z } from 'zod';

/** What every part of the REST contract shares: ids, texts, lists and problems. Source: the contract's "Conventions". */

/** UUIDv7 (RFC 9562), lower case: the only form of an id on the wire. */
export const uuidV7 = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'must be a UUIDv7 in lower case, such as 01890a5d-ac96-774b-bcce-b302099a8057',
  )
  .meta({ format: 'uuid' });

/** RFC 3339 in UTC. */
export const timestampText = z.string().meta({ format: 'date-time' });

/** One line of text as people write it: trimmed, NFC, counted in code points, without control characters. */
export function lineOfText(minimum: number, maximum: number) {
  return text(minimum, maximum, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
}

/** Several lines of text: as {@link lineOfText}, with line breaks and tabs. */
export function linesOfText(minimum: number, maximum: number) {
  return text(minimum, maximum, /(?![\n\r\t])[\p{Cc}\p{Cs}]/u);
}

function text(minimum: number, maximum: number, forbidden: RegExp) {
  return z
    .string()
    .overwrite((value) => value.trim().normalize('NFC'))
    .refine((value) => !forbidden.test(value), { error: 'must hold no control characters', abort: true })
    .refine(
      (value) => {
        const length = [...value].length;
        return length >= minimum && length <= maximum;
      },
      { error: `must be ${minimum} to ${maximum} characters long` },
    )
    .meta({ minLength: minimum, maxLength: maximum });
}

/** `limit` and `cursor` of every list. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^[1-9][0-9]?$|^100$/, 'must be a whole number from 1 to 100')
    .transform(Number)
    .optional()
    .meta({ description: '1 to 100, 50 when absent' }),
  cursor: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({ description: '`nextCursor` of the page before, with the same filters' }),
};

export const defaultPageSize = 50;

/** Part of a name to look for, any case. */
export const searchText = lineOfText(0, 64)
  .optional()
  .meta({ description: 'part of a name, any case; nothing looks for all' });

export const noQuery = z.strictObject({});
/** For requests that need no body: none, or `{}`. */
export const noBody = z.strictObject({}).optional();
export const noContent = z.undefined().meta({ description: 'Done' });

/** One page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
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
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;
