import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { AppError, invalidField } from '../errors.ts';
import { plainMessage, validationError } from '../field-errors.ts';
import { firstDuplicateKey } from '../infra/duplicate-keys.ts';
import { noBody, noQuery } from './contract.ts';
import type { HttpServer } from './server.ts';

/**
 * Strict input: bodies are JSON that fits the route's schema to the last key, queries hold only what the route
 * knows, once each.
 */
export function validateStrictly(server: HttpServer): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body));
    } catch (error) {
      done(error instanceof Error ? error : new Error('parsing failed'));
    }
  });
  server.addHook('preParsing', async ({ method, headers }) => {
    if (method !== 'GET') refuseOtherCodings(headers);
  });
  server.setValidatorCompiler(({ schema, httpPart }) => {
    const zodSchema = schema instanceof z.ZodType ? schema : z.never();
    return (value: unknown) => {
      // Fastify gives `null` for no body; the JSON text `null` does not come this far.
      const given = httpPart === 'body' && value === null ? undefined : value;
      const parsed = zodSchema.safeParse(given, { error: plainMessage });
      return parsed.success
        ? { value: parsed.data }
        : { error: validationError(parsed.error, httpPart ?? 'body', given) };
    };
  });
  server.addHook('onRoute', (route) => {
    const { schema } = route;
    if (schema?.hide === true) return;
    const query = route.config?.ignoresQuery === true ? {} : { querystring: noQuery };
    route.schema = { ...query, ...(route.method === 'GET' ? {} : { body: noBody }), ...schema };
  });
}

/** A body is read as UTF-8 and as it is: one that says it is something else would be taken for what it is not. */
function refuseOtherCodings(headers: IncomingHttpHeaders): void {
  const charsets = [...(headers['content-type'] ?? '').matchAll(/;\s*charset\s*=\s*"?([^";]*)/gi)];
  if (!charsets.every(([, charset = '']) => /^utf-?8$/i.test(charset.trim()))) {
    throw new AppError('unsupported_media_type', 'Send the body in UTF-8: charset=utf-8, or no charset.');
  }
  const codings = headers['content-encoding'] ?? '';
  if (!codings.split(',').every((coding) => /^(?:identity)?$/i.test(coding.trim()))) {
    throw new AppError('unsupported_media_type', 'Send the body as it is: Content-Encoding identity, or none.');
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Nothing at all counts as no body. Throws `invalid_json`, and `validation_failed` for `null` and for a key that stands twice. */
function parseJson(body: string | Buffer): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  let value: unknown;
  try {
    text = typeof body === 'string' ? body : strictUtf8.decode(body);
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('invalid_json', 'The body must be JSON (RFC 8259) in UTF-8.', { cause: error });
  }
  if (value === null) throw invalidField('body', 'must be an object');
  const duplicate = firstDuplicateKey(text);
  if (duplicate !== undefined) throw invalidField(duplicate.slice(-300), 'stands twice in one object');
  return value;
}
