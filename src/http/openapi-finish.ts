import { errorCatalogue } from '../errors.ts';

type Fields = Record<string, unknown>;

/** Marks the JSON schema of a body that a request may leave out. */
export const optionalBodyMark = 'x-optional-body';

/**
 * Puts into an OpenAPI document, in place, what no single route can say: which bodies may be left out and the codes of
 * the catalogue; and takes out the components that nothing refers to.
 */
export function finishDocument(document: object): void {
  const paths = fieldsAt(document, 'paths');
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(isFields(operations) ? operations : {})) {
      const body = fieldsAt(operation, 'requestBody');
      const schema = fieldsAt(Object.values(fieldsAt(body, 'content'))[0], 'schema');
      if (!(optionalBodyMark in schema)) continue;
      Reflect.deleteProperty(schema, optionalBodyMark);
      body['required'] = false;
    }
  }
  const schemas = fieldsAt(fieldsAt(document, 'components'), 'schemas');
  const problem = fieldsAt(fieldsAt(schemas, 'Problem'), 'properties');
  problem['code'] = { type: 'string', enum: Object.keys(errorCatalogue) };
  const used = componentsUsed(paths, schemas);
  for (const name of Object.keys(schemas)) if (!used.has(name)) Reflect.deleteProperty(schemas, name);
}

/** The components that `paths` refers to, themselves or through others. */
function componentsUsed(paths: Fields, schemas: Fields): ReadonlySet<string> {
  const used = new Set<string>();
  const open: unknown[] = [paths];
  for (const value of open) {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      open.push(schemas[name] ?? {});
    }
  }
  return used;
}

/** The object at `key`; an empty one, which belongs to nothing, where there is none. */
function fieldsAt(value: unknown, key: string): Fields {
  const found = isFields(value) ? value[key] : undefined;
  return isFields(found) ? found : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
