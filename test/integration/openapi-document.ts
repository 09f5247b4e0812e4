import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import type { Rest } from '../_support/rest.ts';

/** The served OpenAPI document as tests read it. */

const media = z.looseObject({
  example: z.unknown().optional(),
  examples: z.record(z.string(), z.looseObject({ value: z.unknown().optional() })).optional(),
});
const content = z.record(z.string(), media);
const parameter = z.looseObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  example: z.unknown().optional(),
});
const answer = z.looseObject({
  description: z.string(),
  headers: z.record(z.string(), z.unknown()),
  content: content.optional(),
});
const operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  tags: z.array(z.string()).min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z.array(parameter).default([]),
  requestBody: z.looseObject({ required: z.boolean().optional(), content }).optional(),
  responses: z.record(z.string(), answer),
});
const documentSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({
    title: z.string(),
    version: z.string(),
    license: z.looseObject({}),
    contact: z.looseObject({}),
  }),
  servers: z.array(z.looseObject({ url: z.string() })).min(1),
  tags: z.array(z.looseObject({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({
    schemas: z.record(z.string(), z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() })),
    examples: z.record(z.string(), z.looseObject({ value: z.looseObject({ status: z.int(), code: z.string() }) })),
  }),
});
export type OpenapiDocument = z.infer<typeof documentSchema>;
type Operation = z.infer<typeof operation>;

export interface NamedOperation extends Operation {
  readonly method: string;
  readonly path: string;
  /** Where it stands in the document, as a JSON pointer. */
  readonly pointer: string;
}

/** Fetches the document; throws when it is not of the form that every operation has. */
export async function fetchDocument(rest: Rest): Promise<OpenapiDocument> {
  return documentSchema.parse(await rest.expect(200, 'GET', '/openapi.json'));
}

export function operationsOf(document: OpenapiDocument): NamedOperation[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, one]) => ({
      ...one,
      method: method.toUpperCase(),
      path,
      pointer: pointer('paths', path, method),
    })),
  );
}

/** A JSON pointer (RFC 6901). */
function pointer(...keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export interface Sample {
  /** Where it stands, for messages. */
  readonly name: string;
  /** The pointer of the schema that it follows. */
  readonly schemaPointer: string;
  readonly value: unknown;
}

/** The examples of the operation's parameters and bodies; where one is missing, a sample with the value `undefined`. */
export function samplesOf(document: OpenapiDocument, one: NamedOperation): Sample[] {
  const name = `${one.method} ${one.path}`;
  const parameters = one.parameters.map((given, index) => ({
    name: `${name} ${given.name}`,
    schemaPointer: `${one.pointer}/parameters/${index}/schema`,
    value: given.example,
  }));
  const bodies: readonly (readonly [string, z.infer<typeof content>])[] = [
    ['/requestBody', one.requestBody?.content ?? {}],
    ...Object.entries(one.responses).map(
      ([status, { content: given }]) => [`/responses/${status}`, given ?? {}] as const,
    ),
  ];
  const inBodies = bodies.flatMap(([place, given]) =>
    Object.entries(given).flatMap(([type, { example, examples }]) => {
      const values =
        examples === undefined
          ? [example]
          : Object.keys(examples).map((key) => document.components.examples[key]?.value);
      const schemaPointer = `${one.pointer}${place}${pointer('content', type, 'schema')}`;
      return values.map((value) => ({ name: `${name} ${place} ${type}`, schemaPointer, value }));
    }),
  );
  return [...parameters, ...inBodies];
}

/** Holds values against the schemas in the document, by JSON Schema 2020-12 with formats. */
export function createValidator(document: OpenapiDocument): (schemaPointer: string, value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi.json');
  const compiled = new Map<string, ValidateFunction>();
  return (schemaPointer, value) => {
    const target = componentAt(document, schemaPointer) ?? `#${encodeURI(schemaPointer)}`;
    const validate = compiled.get(target) ?? ajv.compile({ $ref: `openapi.json${target}` });
    compiled.set(target, validate);
    validate(value);
    return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  };
}

const reference = z.strictObject({ $ref: z.string() });

/** The component that the schema at `schemaPointer` is, so that each is compiled once. */
function componentAt(document: OpenapiDocument, schemaPointer: string): string | undefined {
  const keys = schemaPointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const schema = keys.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Object.getOwnPropertyDescriptor(at, key)?.value : undefined),
    document,
  );
  const found = reference.safeParse(schema);
  return found.success ? found.data.$ref : undefined;
}
