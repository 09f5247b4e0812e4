import { STATUS_CODES } from 'node:http';
import { errorCatalogue } from '../errors.ts';
import { headers } from './openapi-about.ts';
import { exampleOf } from './openapi-examples.ts';
import { refusalExamples } from './openapi-refusals.ts';

type Fields = Record<string, unknown>;

/** Marks the JSON schema of a body that a request may leave out. */
export const optionalBodyMark = 'x-optional-body';

/**
 * Puts into an OpenAPI document, in place, what no single route can say: which bodies may be left out, the examples of
 * bodies, the headers of answers, the codes of the catalogue; and takes out what nothing refers to.
 */
export function finishDocument(document: object): void {
  const paths = fieldsAt(document, 'paths');
  const components = fieldsAt(document, 'components');
  const schemas = fieldsAt(components, 'schemas');
  fieldsAt(fieldsAt(schemas, 'Problem'), 'properties')['code'] = {
    type: 'string',
    enum: Object.keys(errorCatalogue),
  };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(isFields(path) ? path : {}))) {
    for (const parameter of listAt(operation, 'parameters')) finishParameter(parameter);
    finishRequest(fieldsAt(operation, 'requestBody'), schemas);
    for (const [status, answer] of Object.entries(fieldsAt(operation, 'responses'))) {
      if (isFields(answer)) finishAnswer(status, answer, schemas);
    }
  }
  for (const name of Object.keys(schemas)) openAnswers(schemas[name]);
  components['examples'] = refusalExamples();
  components['headers'] = { ...headers };
  for (const [kind, ofKind] of Object.entries(components)) {
    if (kind !== 'securitySchemes' && isFields(ofKind)) dropUnused(kind, ofKind, paths);
  }
}

/** An example belongs beside the schema of a parameter; where the text is transformed, zod keeps only one inside it. */
function finishParameter(parameter: unknown): void {
  if (!isFields(parameter)) return;
  addExample(parameter, {});
  Reflect.deleteProperty(fieldsAt(parameter, 'schema'), 'example');
}

function finishRequest(body: Fields, schemas: Fields): void {
  for (const media of Object.values(fieldsAt(body, 'content'))) {
    const schema = fieldsAt(media, 'schema');
    if (optionalBodyMark in schema) {
      Reflect.deleteProperty(schema, optionalBodyMark);
      body['required'] = false;
    }
    addExample(media, schemas);
    dropUselessBounds(schema);
  }
}

function finishAnswer(status: string, answer: Fields, schemas: Fields): void {
  const content = fieldsAt(answer, 'content');
  for (const media of Object.values(content)) {
    openAnswers(fieldsAt(media, 'schema'));
    addExample(media, schemas);
  }
  const isRefusal = 'application/problem+json' in content;
  const names = [
    'X-Request-Id',
    ...(status === '401' ? ['WWW-Authenticate'] : []),
    ...(isRefusal && (status === '429' || status === '503') ? ['Retry-After'] : []),
  ];
  if (answer['description'] === 'Default Response') answer['description'] = STATUS_CODES[status];
  answer['headers'] = {
    ...fieldsAt(answer, 'headers'),
    ...Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  };
}

function addExample(media: unknown, schemas: Fields): void {
  if (!isFields(media) || 'example' in media || 'examples' in media) return;
  const example = exampleOf(media['schema'], schemas);
  if (example !== undefined) media['example'] = example;
}

/** Answers may gain fields: only requests are closed. */
function openAnswers(schema: unknown): void {
  eachSchema(schema, (one) => {
    if (one['additionalProperties'] === false) Reflect.deleteProperty(one, 'additionalProperties');
  });
  dropUselessBounds(schema);
}

/** That a number is one that JavaScript can count with says nothing. */
function dropUselessBounds(schema: unknown): void {
  eachSchema(schema, (one) => {
    if (one['minimum'] === Number.MIN_SAFE_INTEGER) Reflect.deleteProperty(one, 'minimum');
    if (one['maximum'] === Number.MAX_SAFE_INTEGER) Reflect.deleteProperty(one, 'maximum');
  });
}

function eachSchema(schema: unknown, visit: (one: Fields) => void): void {
  if (!isFields(schema)) return;
  visit(schema);
  for (const [key, value] of Object.entries(schema)) if (key !== 'examples') eachSchema(value, visit);
}

/** Takes out of the components of one kind what nothing refers to, itself or through others. */
function dropUnused(kind: string, ofKind: Fields, paths: Fields): void {
  const reference = new RegExp(String.raw`"#/components/${kind}/([^"]+)"`, 'g');
  const used = new Set<string>();
  const open: unknown[] = [paths];
  for (const value of open) {
    for (const [, name = ''] of JSON.stringify(value).matchAll(reference)) {
      if (used.has(name)) continue;
      used.add(name);
      open.push(ofKind[name] ?? {});
    }
  }
  for (const name of Object.keys(ofKind)) if (!used.has(name)) Reflect.deleteProperty(ofKind, name);
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const found = isFields(value) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

/** The object at `key`; an empty one, which belongs to nothing, where there is none. */
function fieldsAt(value: unknown, key: string): Fields {
  const found = isFields(value) ? value[key] : undefined;
  return isFields(found) ? found : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
