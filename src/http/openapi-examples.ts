type Fields = Readonly<Record<string, unknown>>;

/**
 * An example of what `schema` describes, made of the examples that stand at its parts: its own comes first, then what
 * it can only be, then the examples of its fields. `components` are the schemas that it may refer to. `undefined` when
 * a part that must be there has none.
 */
export function exampleOf(schema: unknown, components: Fields): unknown {
  if (!isFields(schema)) return undefined;
  const reference = schema['$ref'];
  if (typeof reference === 'string') return exampleOf(components[reference.split('/').at(-1) ?? ''], components);
  const given =
    schema['example'] ?? first(schema['examples']) ?? schema['const'] ?? first(schema['enum']) ?? schema['default'];
  if (given !== undefined) return given;
  for (const choice of [schema['anyOf'], schema['oneOf']]) {
    if (Array.isArray(choice)) return first(choice.map((one) => exampleOf(one, components)).filter(isThere));
  }
  const types = [schema['type']].flat();
  if (types.includes('object')) return exampleOfObject(schema, components);
  if (types.includes('array')) {
    const item = exampleOf(schema['items'], components);
    return item === undefined ? undefined : [item];
  }
  if (types.includes('null')) return null;
  return types.includes('boolean') ? false : undefined;
}

function exampleOfObject(schema: Fields, components: Fields): Fields | undefined {
  const properties = isFields(schema['properties']) ? schema['properties'] : {};
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const example: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const value = exampleOf(property, components);
    if (value !== undefined) example[name] = value;
    else if (required.includes(name)) return undefined;
  }
  return example;
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}

function isThere(value: unknown): boolean {
  return value !== undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
