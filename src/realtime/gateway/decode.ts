import type { z } from 'zod';
import { plainMessage, validationError } from '../../field-errors.ts';
import { firstDuplicateKey } from '../../infra/duplicate-keys.ts';
import { clientMessages, isMessageId, MESSAGE_ID_RULE } from '../protocol/index.ts';
import { MessageRefused } from './message-refused.ts';

/** A message whose envelope is good: an object with a good `id` and some `type`. Its fields are not checked yet. */
export interface Envelope {
  readonly type: unknown;
  readonly id: string;
  readonly value: object;
}

/** `re` is the id when it is good. */
export interface BadMessage {
  readonly re: string | null;
  readonly refusal: MessageRefused;
}

const ENVELOPE_RULE = 'A message is a JSON object with "type" and "id".';

/** Reads the envelope of a text message, which `ws` has checked to be UTF-8. */
export function decodeEnvelope(data: Buffer): Envelope | BadMessage {
  const text = data.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad(null, `Not JSON. ${ENVELOPE_RULE}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return bad(null, `Not a JSON object. ${ENVELOPE_RULE}`);
  }
  const id = 'id' in value ? value.id : undefined;
  if (!isMessageId(id)) return bad(null, `id: ${MESSAGE_ID_RULE}`);
  const duplicate = firstDuplicateKey(text);
  if (duplicate !== undefined) {
    return bad(duplicate === 'id' ? null : id, `${duplicate.slice(-300)}: stands twice in one object`);
  }
  return { type: 'type' in value ? value.type : undefined, id, value };
}

function bad(re: string | null, message: string): BadMessage {
  return { re, refusal: new MessageRefused('invalid_message', message) };
}

const allowedKeys = new Map<string, string>(
  Object.entries(clientMessages).map(([type, schema]) => [type, Object.keys(schema.shape).join(', ')]),
);
const knownTypes = Object.keys(clientMessages).join(', ');

/** The refusal of a `type` that is none, or that nobody knows. */
export function refuseType(type: unknown): MessageRefused {
  return typeof type === 'string'
    ? new MessageRefused('unknown_type', `type: must be one of ${knownTypes}`)
    : new MessageRefused('invalid_message', `type: must be text, one of ${knownTypes}`);
}

/** The message, or the refusal of one whose fields are not as its type wants them: names the field and what is allowed. */
export function decodeFields<Schema extends z.ZodType>(
  type: string,
  schema: Schema,
  value: object,
): z.output<Schema> | MessageRefused {
  const read = schema.safeParse(value, { error: plainMessage });
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const isUnknownKey = issue?.code === 'unrecognized_keys' && issue.path.length === 0;
  const allowed = isUnknownKey ? `; ${type} has ${allowedKeys.get(type) ?? ''}` : '';
  return new MessageRefused('invalid_message', validationError(read.error, 'message', value).message + allowed);
}
