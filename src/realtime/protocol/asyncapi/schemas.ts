import { z } from 'zod';
import { clientMessages, logPosition } from '../client-messages.ts';
import { socketErrorCode } from '../error-codes.ts';
import * as objects from '../objects.ts';
import { groupEvent, serverMessages } from '../server-messages.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A list of values that may grow; the keyword is the one that Zalando's API guidelines made known. */
const OPEN_LIST = 'x-extensible-enum';
/** Marks the branch of a union that stands for the kinds which are yet to come. */
const GENERAL_CASE = 'x-general-case';

/**
 * Every object of the protocol as JSON Schema (draft 7), by name; messages by their type. What clients send is strict;
 * what the server sends may gain fields, values in its lists and kinds in its unions, and the schemas say so.
 */
export function protocolSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  const { uuidV7, groupRole, talkRight, speaker, presentMember, endCause, denyCause, media, floorSnapshot } = objects;
  const shared: Record<string, z.ZodType> = {
    Uuid: uuidV7,
    LogPosition: logPosition,
    GroupRole: groupRole,
    TalkRight: talkRight,
    Speaker: speaker,
    PresentMember: presentMember,
    EndCause: endCause,
    DenyCause: denyCause,
    ErrorCode: socketErrorCode,
    Media: media,
    Floor: floorSnapshot,
    GroupEvent: groupEvent,
  };
  for (const [id, schema] of Object.entries({ ...shared, ...clientMessages, ...serverMessages })) {
    registry.add(schema, { id });
  }
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-7',
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => leaveOpen(zodSchema, jsonSchema),
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _draft, $id: _address, ...schema }]) => [id, schema]),
  );
}

/** Only the server sends lists of values and unions, and all of them may grow. */
function leaveOpen(schema: z.core.$ZodTypes, json: JsonSchema): void {
  const { def } = schema._zod;
  if (def.type === 'enum') {
    json[OPEN_LIST] = json.enum;
    json.description = `${json.description ?? ''} Values may be added: treat others as the general case.`.trimStart();
    delete json.enum;
  } else if (def.type === 'union' && schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const known = [...(schema._zod.propValues[discriminator] ?? [])].filter((value) => typeof value === 'string');
    const other: JsonSchema = { type: 'string', not: { enum: known } };
    const general: JsonSchema = {
      type: 'object',
      properties: { [discriminator]: other },
      required: [discriminator],
      [GENERAL_CASE]: true,
    };
    json.oneOf = [...(json.oneOf ?? []), general];
  }
}
