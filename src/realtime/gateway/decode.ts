import type { z } from 'zod';
import { clientMessages } from '../protocol/index.ts';
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
const MAX_ID_LENGTH = 64;

/** Reads the envelope of a text message, which `ws` has checked to be UTF-8. */
export function decodeEnvelope(data: Buffer): Envelope | BadMessage {
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch {
    return bad(null, `Not JSON. ${ENVELOPE_RULE}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return bad(null, `Not a JSON object. ${ENVELOPE_RULE}`);
  }
  const id = 'id' in value ? value.id : undefined;
  if (typeof id !== 'string' || id.length < 1 || id.length > MAX_ID_LENGTH) {
    return bad(null, `id: must be a string of 1 to ${MAX_ID_LENGTH} characters`);
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
    : new MessageRefused('invalid_message', `type: must be a string, one of ${knownTypes}`);
}

/** The refusal of a message whose fields are not as its type wants them: names the field and what is allowed. */
export function refuseFields(type: string, error: z.ZodError): MessageRefused {
  const issue = error.issues[0];
  if (issue === undefined) return new MessageRefused('invalid_message', 'The message is not valid.');
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = [path, issue.keys[0] ?? ''].filter((part) => part !== '').join('.');
    const allowed = path === '' ? `; ${type} has ${allowedKeys.get(type) ?? ''}` : '';
    return new MessageRefused('invalid_message', `${JSON.stringify(key.slice(0, 64))} is not a known field${allowed}`);
  }
  return new MessageRefused('invalid_message', `${path === '' ? 'message' : path}: ${issue.message}`);
}
