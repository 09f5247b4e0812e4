import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { z } from 'zod';

const reference = z.looseObject({ $ref: z.string() });
const operation = z.looseObject({
  action: z.enum(['send', 'receive']),
  summary: z.string().min(1),
  messages: z.array(reference),
  reply: z.looseObject({ messages: z.array(reference) }).optional(),
});
const message = z.looseObject({
  name: z.string(),
  title: z.string().min(1),
  summary: z.string().min(1),
  payload: reference,
  examples: z.array(z.looseObject({ payload: z.record(z.string(), z.unknown()) })).min(1),
});
const closeCode = z.looseObject({
  code: z.int(),
  name: z.string().optional(),
  reconnect: z.boolean(),
  description: z.string().min(1),
});

/** What the tests read of `/asyncapi.json`. */
const documentSchema = z.looseObject({
  asyncapi: z.literal('3.0.0'),
  channels: z.looseObject({
    socket: z.looseObject({
      address: z.string(),
      description: z.string(),
      messages: z.record(z.string(), reference),
      'x-close-codes': z.array(closeCode),
    }),
  }),
  operations: z.record(z.string(), operation),
  components: z.looseObject({
    messages: z.record(z.string(), message),
    schemas: z.record(z.string(), z.record(z.string(), z.unknown())),
  }),
});
type Document = z.infer<typeof documentSchema>;

/** The published document, and a validator for each of its messages. */
export class AsyncapiDocument {
  readonly document: Document;
  readonly #ajv: Ajv;

  /**
   * `known` holds the server to what is in the document now; without it a validator takes what a later version may
   * add: fields, values and kinds.
   */
  constructor(document: unknown, options: { readonly known: boolean }) {
    this.document = documentSchema.parse(document);
    this.#ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addKeyword({
      keyword: 'x-extensible-enum',
      macro: (values: unknown) => (options.known ? { enum: values } : {}),
    });
    this.#ajv.addKeyword({ keyword: 'x-general-case', macro: () => (options.known ? { not: {} } : {}) });
    this.#ajv.addVocabulary(['components']);
    // Ajv finds `#/components/schemas/…` inside a schema that it was given under the empty address.
    const { schemas } = this.document.components;
    const known = options.known ? closed(schemas) : schemas;
    this.#ajv.addSchema({ components: { schemas: known } }, 'document', false, false);
  }

  /** What is wrong with a message, in words; nothing when it is as published. */
  faultsOf(value: { readonly type: string; readonly [field: string]: unknown }): string | null {
    const validate = this.#validatorOf(value.type);
    if (validate === undefined) return `${value.type}: no such message in the document`;
    return validate(value) ? null : `${JSON.stringify(value)}: ${this.#ajv.errorsText(validate.errors)}`;
  }

  #validatorOf(type: string): ValidateFunction | undefined {
    return this.#ajv.getSchema(`document#/components/schemas/${type}`);
  }
}

/** The same schemas, of objects that have no other fields than those that are named. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.entries(schema).map(([key, part]) => [key, closed(part)]);
  if ('type' in schema && schema.type === 'object') parts.push(['additionalProperties', false]);
  return Object.fromEntries(parts);
}
