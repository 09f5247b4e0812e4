import { clientMessages } from '../client-messages.ts';
import { CloseCode, SUBPROTOCOL } from '../close-codes.ts';
import { serverMessages } from '../server-messages.ts';
import { clientCatalogue } from './client-catalogue.ts';
import { closeMeanings, frameCloseMeanings } from './close-meanings.ts';
import { protocolSchemas } from './schemas.ts';
import { serverCatalogue } from './server-catalogue.ts';
import { bearerText, channelText, helloText, infoText } from './texts.ts';

const SOCKET = '#/channels/socket';
/** From here on the same would happen again after reconnecting (contract "Close codes"). */
const FIRST_FINAL_CODE = 4500;

export interface AboutServer {
  readonly title: string;
  readonly version: string;
  /** Host and port where it listens, for who tries it on the same machine. */
  readonly host: string;
}

/** The WebSocket protocol as an AsyncAPI 3.0 document, made from its zod schemas. It speaks as the server. */
export function asyncapiDocument({ title, version, host }: AboutServer): object {
  const clientTypes = Object.keys(clientMessages);
  const serverTypes = Object.keys(serverMessages);
  const types = [...clientTypes, ...serverTypes];
  const security = [ref('#/components/securitySchemes/upgrade'), ref('#/components/securitySchemes/hello')];
  const variables = { host: { default: host, description: 'Host, and port where it is not the usual one.' } };
  const server = { host: '{host}', variables, security };
  return {
    asyncapi: '3.0.0',
    info: { title, version, description: infoText },
    defaultContentType: 'application/json',
    servers: {
      tls: { ...server, protocol: 'wss', description: 'Behind a proxy that speaks TLS.' },
      plain: { ...server, protocol: 'ws', description: 'Without TLS, for development.' },
    },
    channels: {
      socket: {
        address: '/ws',
        title: `WebSocket, subprotocol ${SUBPROTOCOL}`,
        description: channelText,
        servers: [ref('#/servers/tls'), ref('#/servers/plain')],
        messages: Object.fromEntries(types.map((type) => [type, ref(`#/components/messages/${type}`)])),
        bindings: { ws: { method: 'GET', headers: upgradeHeaders, bindingVersion: '0.1.0' } },
        'x-close-codes': closeCodes(),
      },
    },
    operations: { ...received(), ...sentUnasked() },
    components: {
      messages: { ...describe(clientCatalogue), ...describe(serverCatalogue) },
      schemas: protocolSchemas(),
      securitySchemes: {
        upgrade: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: bearerText },
        hello: { type: 'apiKey', in: 'password', description: helloText },
      },
    },
  };
}

const upgradeHeaders = {
  type: 'object',
  properties: {
    'Sec-WebSocket-Protocol': { type: 'string', const: SUBPROTOCOL },
    Authorization: { type: 'string', pattern: '^[Bb]earer ' },
    Origin: { type: 'string', description: "Only of pages in the server's ALLOWED_ORIGINS; native clients send none." },
  },
};

type Entries = Readonly<Record<string, { readonly title: string; readonly summary: string; readonly example: object }>>;

/** One operation for each message of a client, with what may answer it. */
function received(): Record<string, object> {
  const operations: Record<string, object> = {};
  for (const [type, { title, summary, answers }] of Object.entries(clientCatalogue)) {
    const messages = [...answers, 'ERROR'].map((answer) => ref(`${SOCKET}/messages/${answer}`));
    const reply = { channel: ref(SOCKET), messages };
    operations[`receive_${type}`] = { action: 'receive', ...operationOf(type, title, summary), reply };
  }
  return operations;
}

/** One operation for each message that the server sends of its own accord. */
function sentUnasked(): Record<string, object> {
  const operations: Record<string, object> = {};
  for (const [type, { title, summary, unasked }] of Object.entries(serverCatalogue)) {
    if (unasked) operations[`send_${type}`] = { action: 'send', ...operationOf(type, title, summary) };
  }
  return operations;
}

function operationOf(type: string, title: string, summary: string): object {
  return { channel: ref(SOCKET), title, summary, messages: [ref(`${SOCKET}/messages/${type}`)] };
}

function describe(entries: Entries): Record<string, object> {
  const messages: Record<string, object> = {};
  for (const [type, { title, summary, example }] of Object.entries(entries)) {
    messages[type] = {
      name: type,
      title,
      summary,
      payload: ref(`#/components/schemas/${type}`),
      ...correlationOf(example),
      examples: [{ payload: example }],
    };
  }
  return messages;
}

/** The field by which a message and its answer find each other; events have none. */
function correlationOf(example: object): object {
  if ('id' in example) return correlation('Its answer names it as `re`.', 'id');
  return 're' in example ? correlation('The `id` of the message that it answers.', 're') : {};
}

function correlation(description: string, field: string): object {
  return { correlationId: { description, location: `$message.payload#/${field}` } };
}

function closeCodes(): readonly object[] {
  const codes: Readonly<Record<string, number>> = CloseCode;
  const own = Object.entries(closeMeanings).map(([name, description]) => {
    const code = codes[name] ?? 0;
    return { code, name, reconnect: code < FIRST_FINAL_CODE, description };
  });
  const ofFrames = Object.entries(frameCloseMeanings).map(([code, description]) => ({
    code: Number(code),
    reconnect: false,
    description,
  }));
  return [...own, ...ofFrames];
}

function ref(address: string): { readonly $ref: string } {
  return { $ref: address };
}
