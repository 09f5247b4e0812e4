import type { z } from 'zod';
import { AppError, type FieldError } from './errors.ts';

const errorsAtMost = 20;
const nameLimit = 100;

const nameOfType: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'absent',
};

/** What is allowed, for every rule of a schema that has no words of its own. Nothing of the library's is repeated. */
export function plainMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameOfType[issue.expected] ?? 'of another type'}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must be at least ${measure(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `must be at most ${measure(issue.origin, issue.maximum)}`;
    case 'unrecognized_keys':
      return 'is not known here';
    default:
      return 'is not valid';
  }
}

function measure(origin: string, limit: number | bigint): string {
  if (origin === 'string') return `${limit} ${Number(limit) === 1 ? 'character' : 'characters'} long`;
  return String(limit);
}

/**
 * `validation_failed` that names every field at fault. `part` is what `value`, which did not fit, is: `body`, `querystring`,
 * `message`. The schema has to be asked with {@link plainMessage}.
 */
export function validationError(error: z.ZodError, part: string, value: unknown): AppError {
  const errors = error.issues.flatMap((issue) => fieldErrorsOf(issue, part, value));
  const first = errors[0];
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first === undefined ? 'The request is not valid.' : `${first.path}: ${first.message}${rest}`;
  return new AppError('validation_failed', detail, { errors: errors.slice(0, errorsAtMost) });
}

function fieldErrorsOf(issue: z.core.$ZodIssue, part: string, value: unknown): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key.slice(0, nameLimit)].join('.'),
      message: 'is not known here',
    }));
  }
  const name = path.length > 0 ? path.join('.') : part === 'querystring' ? 'query' : part;
  return [{ path: name, message: messageOf(issue, part, valueAt(value, path)) }];
}

function messageOf(issue: z.core.$ZodIssue, part: string, given: unknown): string {
  if (given === undefined) return 'is missing';
  if (part === 'querystring' && Array.isArray(given)) return 'may stand only once';
  return issue.message;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.getOwnPropertyDescriptor(at, key)?.value;
  }
  return at;
}
