import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import {
  createValidator,
  fetchDocument,
  operationsOf,
  samplesOf,
  type NamedOperation,
  type OpenapiDocument,
} from './openapi-document.ts';

let server: InProcessServer;
let document: OpenapiDocument;
let operations: NamedOperation[];

beforeAll(async () => {
  server = await startInProcess();
  document = await fetchDocument(server.rest);
  operations = operationsOf(document);
});

afterAll(() => server[Symbol.asyncDispose]());

describe('the routes of the OpenAPI document', () => {
  it('are the routes of the server', () => {
    const documented = operations.map(({ method, path }) => `${method} ${path}`);
    const served = routesOf(server.app.printRoutes()).filter((route) => !isNoRest(route));
    expect(documented.toSorted()).toEqual(served.toSorted());
  });

  it('have names of their own and tags that are described', () => {
    const names = operations.map(({ operationId }) => operationId);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.filter((name) => !/^[a-z][A-Za-z0-9]+$/.test(name))).toEqual([]);
    const used = new Set(operations.flatMap(({ tags }) => tags));
    expect([...used].toSorted()).toEqual(document.tags.map(({ name }) => name).toSorted());
  });

  it('ask for a session where the document says so, and nowhere else', async () => {
    for (const one of operations) {
      const { status } = await call(one, {});
      const asksAlways = one.security.length > 0 && one.security.every((choice) => Object.keys(choice).length > 0);
      expect(`${one.method} ${one.path}: ${status === 401}`).toBe(
        `${one.method} ${one.path}: ${asksAlways || isSignIn(one)}`,
      );
    }
  });
});

describe('the examples of the OpenAPI document', () => {
  it('are there for every parameter and body', () => {
    const missing = operations.flatMap((one) => samplesOf(document, one)).filter(({ value }) => value === undefined);
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('follow their schemas', () => {
    const faultsOf = createValidator(document);
    const samples = operations.flatMap((one) => samplesOf(document, one));
    expect(samples.length).toBeGreaterThan(300);
    const faults = samples.flatMap(({ name, schemaPointer, value }) =>
      faultsOf(schemaPointer, value).map((fault) => `${name}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  it('of refusals are of the status at which they stand', () => {
    for (const { method, path, responses } of operations) {
      for (const [status, { content }] of Object.entries(responses)) {
        for (const code of Object.keys(content?.['application/problem+json']?.examples ?? {})) {
          expect(`${method} ${path} ${code} ${document.components.examples[code]?.value.status}`).toBe(
            `${method} ${path} ${code} ${status}`,
          );
        }
      }
    }
  });

  it('are taken by the server, which answers as the document says', async () => {
    const faultsOf = createValidator(document);
    const { accessToken } = await server.rest.login('admin');
    // Last what ends the session that asks.
    const ends = ({ path }: NamedOperation): boolean => path === '/api/v1/auth/logout';
    for (const one of [...operations.filter((one) => !ends(one)), ...operations.filter(ends)]) {
      const { status, body } = await call(one, { token: accessToken });
      expect(Object.keys(one.responses), `${one.method} ${one.path} answered ${status}`).toContain(String(status));
      expect(status, `${one.method} ${one.path}: ${JSON.stringify(body)}`).not.toBe(400);
      const [type] = Object.keys(one.responses[status]?.content ?? {});
      if (type === undefined || type.startsWith('text/')) continue;
      const schemaPointer = `${one.pointer}/responses/${status}/content/${type.replaceAll('/', '~1')}/schema`;
      expect(faultsOf(schemaPointer, body), `${one.method} ${one.path}`).toEqual([]);
    }
  });
});

/** Sends the examples of an operation. */
async function call(
  one: NamedOperation,
  { token }: { readonly token?: string },
): Promise<{ readonly status: number; readonly body: unknown }> {
  const path = one.parameters
    .filter((parameter) => parameter.in === 'path')
    .reduce((filled, { name, example }) => filled.replace(`{${name}}`, String(example)), one.path);
  return server.rest.request(one.method, path, {
    ...(token === undefined ? {} : { token }),
    ...(one.requestBody === undefined ? {} : { body: one.requestBody.content['application/json']?.example }),
  });
}

/** Answers 401 to wrong credentials, which the examples are, without asking for a session. */
function isSignIn({ path }: NamedOperation): boolean {
  return /^\/api\/v1\/auth\/(?:login|pair|refresh)$/.test(path);
}

/** The page of swagger-ui, the preflight of CORS, and the WebSocket, which is told in /asyncapi.json. */
function isNoRest(route: string): boolean {
  return /^(?:GET|HEAD) \/(?:docs|talk)(?:$|\/)/.test(route) || route === 'OPTIONS *' || route === 'GET /ws';
}

/** `GET /api/v1/groups/{id}` for each route in Fastify's printed tree, in which every level takes four characters. */
function routesOf(tree: string): string[] {
  const branches: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const found = /^(?<indent>[│ ]*)(?:├|└)── (?<part>.*?)(?: \((?<methods>[A-Z, ]+)\))?$/.exec(line)?.groups;
    if (found === undefined) return [];
    const depth = (found['indent'] ?? '').length / 4;
    branches.splice(depth, Infinity, found['part'] === '(empty root node)' ? '' : (found['part'] ?? ''));
    const path = branches.join('').replaceAll(/:(\w+)/g, '{$1}');
    return (found['methods'] ?? '')
      .split(', ')
      .filter(Boolean)
      .map((method) => `${method} ${path}`);
  });
}
