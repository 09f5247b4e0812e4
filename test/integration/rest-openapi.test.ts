import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { errorCatalogue } from '../../src/errors.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';

const operation = z.looseObject({
  requestBody: z.looseObject({ required: z.boolean().optional() }).optional(),
  responses: z.record(z.string(), z.looseObject({ description: z.string() })),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({
    schemas: z.record(z.string(), z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() })),
  }),
});

/** Too slow, an `Expect` that cannot be met, headers too large: before any route is asked. */
const ofEveryRequest = ['408', '417', '431'];

let server: InProcessServer;
let document: z.infer<typeof documentSchema>;

beforeAll(async () => {
  server = await startInProcess();
  document = documentSchema.parse(await server.rest.expect(200, 'GET', '/openapi.json'));
});

afterAll(() => server[Symbol.asyncDispose]());

function found(method: string, path: string): z.infer<typeof operation> {
  const one = document.paths[path]?.[method];
  if (one === undefined) throw new Error(`${method} ${path} is not in the document`);
  return one;
}

describe('the OpenAPI document', () => {
  it.each([
    ['post', '/api/v1/auth/login', true],
    ['put', '/api/v1/admin/groups/{id}/manager', true],
    ['put', '/api/v1/admin/groups/{id}/members/{userId}', false],
    ['post', '/api/v1/auth/logout', false],
    ['delete', '/api/v1/admin/users/{id}', false],
    ['delete', '/api/v1/auth/sessions/{id}', false],
  ] as const)('says of %s %s whether a body is needed: %s', (method, path, isRequired) => {
    expect(found(method, path).requestBody?.required ?? false).toBe(isRequired);
  });

  it.each<[string, string, string[]]>([
    ['post', '/api/v1/auth/login', ['200', '400', '401', '413', '415', '429', '503']],
    ['post', '/api/v1/auth/password', ['204', '400', '401', '403', '413', '415', '429', '503']],
    ['get', '/api/v1/groups', ['200', '400', '401', '429', '503']],
    ['get', '/api/v1/groups/{id}', ['200', '400', '401', '404', '429', '503']],
    ['get', '/api/v1/admin/users', ['200', '400', '401', '403', '429', '503']],
    ['post', '/api/v1/admin/users', ['201', '400', '401', '403', '409', '413', '415', '429', '503']],
    ['patch', '/api/v1/admin/users/{id}', ['200', '400', '401', '403', '404', '409', '413', '415', '429', '503']],
    ['post', '/api/v1/admin/groups', ['201', '400', '401', '403', '404', '409', '413', '415', '429', '503']],
    ['get', '/livez', ['200', '400']],
  ])('lists the statuses of %s %s', (method, path, statuses) => {
    const { responses } = found(method, path);
    expect(Object.keys(responses).filter((status) => !ofEveryRequest.includes(status))).toEqual(statuses);
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(ofEveryRequest));
  });

  it('says of a refusal which codes it may have', () => {
    const answer = found('delete', '/api/v1/admin/groups/{id}/members/{userId}').responses['409'];
    expect(answer?.description).toBe('`manager_required`');
    expect(JSON.stringify(answer)).toContain('application/problem+json');
  });

  it('names the codes of the catalogue', () => {
    expect(document.components.schemas['Problem']?.properties?.['code']).toEqual({
      type: 'string',
      enum: Object.keys(errorCatalogue),
    });
  });

  it('gives the limits of contendedTalkMs', () => {
    expect(document.components.schemas['GroupSettings']?.properties?.['contendedTalkMs']).toMatchObject({
      anyOf: [
        { type: 'number', const: 0 },
        { type: 'integer', minimum: 500, maximum: 600_000 },
      ],
    });
  });

  it('holds every component once', () => {
    const names = Object.keys(document.components.schemas);
    expect(names.filter((name) => name.endsWith('Input'))).toEqual([]);
  });
});
