import { Parser } from '@asyncapi/parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientMessages, CloseCode, serverMessages, socketErrorCode } from '../../src/realtime/protocol/index.ts';
import type { RestAnswer } from '../_support/rest.ts';
import { AsyncapiDocument } from './asyncapi-document.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';

const clientTypes = Object.keys(clientMessages);
const serverTypes = Object.keys(serverMessages);

let server: InProcessServer;
let answer: RestAnswer;
let published: AsyncapiDocument;
let known: AsyncapiDocument;

beforeAll(async () => {
  server = await startInProcess();
  answer = await server.rest.request('GET', '/asyncapi.json');
  published = new AsyncapiDocument(answer.body, { known: false });
  known = new AsyncapiDocument(answer.body, { known: true });
});

afterAll(() => server[Symbol.asyncDispose]());

function exampleOf(type: string): { type: string } {
  const payload = published.document.components.messages[type]?.examples[0]?.payload;
  if (payload === undefined) throw new Error(`${type} has no example`);
  return { ...payload, type: String(payload['type']) };
}

function names(references: readonly { readonly $ref: string }[] = []): string[] {
  return references.map(({ $ref }) => $ref.replace('#/channels/socket/messages/', ''));
}

describe('/asyncapi.json', () => {
  it('is served as /openapi.json is', async () => {
    const openapi = await server.rest.request('GET', '/openapi.json');
    const fixed = ({ status, headers }: RestAnswer): unknown[] => [
      status,
      [...headers].filter(([name]) => !['content-length', 'date', 'x-request-id'].includes(name)),
    ];
    expect(fixed(answer)).toEqual(fixed(openapi));
  });

  it('has no query', async () => {
    const problem = await server.rest.expectProblem(400, 'GET', '/asyncapi.json?format=yaml');
    expect(problem.code).toBe('validation_failed');
  });

  it('is read by the public parser without an error or a warning', async () => {
    const { document, diagnostics } = await new Parser().parse(answer.text);
    // AsyncAPI 3.0 is what is promised; that there is a 3.1 is told as information.
    expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([]);
    expect(document?.messages().all()).toHaveLength(clientTypes.length + serverTypes.length);
  });
});

describe('the messages of the AsyncAPI document', () => {
  it('are those of the protocol', () => {
    const { messages } = published.document.channels.socket;
    expect(Object.keys(messages).toSorted()).toEqual([...clientTypes, ...serverTypes].toSorted());
  });

  it.each([...clientTypes, ...serverTypes])('%s has a name, a schema and an example that fits', (type) => {
    const message = published.document.components.messages[type];
    expect(message).toMatchObject({ name: type, payload: { $ref: `#/components/schemas/${type}` } });
    expect(exampleOf(type).type).toBe(type);
    expect(known.faultsOf(exampleOf(type))).toBeNull();
  });

  it.each(clientTypes)('%s is received, answered, and strict', (type) => {
    const operation = published.document.operations[`receive_${type}`];
    expect(operation?.action).toBe('receive');
    expect(names(operation?.messages)).toEqual([type]);
    const answers = names(operation?.reply?.messages);
    expect(answers).toContain('ERROR');
    expect(answers.length).toBeGreaterThan(1);
    expect(published.faultsOf({ ...exampleOf(type), shout: true })).toContain('additional properties');
  });

  it.each(serverTypes)('%s is sent or answers, and may gain fields', (type) => {
    const { operations } = published.document;
    const ways = Object.values(operations).flatMap(({ action, messages, reply }) =>
      names(action === 'send' ? messages : reply?.messages),
    );
    expect(ways).toContain(type);
    expect(published.faultsOf({ ...exampleOf(type), later: true })).toBeNull();
  });

  it('that come without `re` are sent, the others only answer', () => {
    for (const [type, schema] of Object.entries(serverMessages)) {
      const always = 're' in schema.shape && !schema.shape.re.safeParse(undefined).success;
      expect([type, published.document.operations[`send_${type}`] !== undefined]).toEqual([type, !always]);
    }
  });

  it.each([
    ['TALK_ENDED', { cause: 'bored' }],
    ['TALK_DENIED', { cause: 'full_moon' }],
    ['GROUP_REMOVED', { cause: 'merged' }],
    ['ERROR', { code: 'teapot' }],
    ['TALK_GRANTED', { media: { kind: 'satellite' } }],
    ['GROUP_JOINED', { floor: { state: 'shared' } }],
    ['GROUP_JOINED', { missed: [{ type: 'TALK_PAUSED' }] }],
  ])('%s may gain the value %j, which is not known yet', (type, later) => {
    expect(published.faultsOf({ ...exampleOf(type), ...later })).toBeNull();
    expect(known.faultsOf({ ...exampleOf(type), ...later })).not.toBeNull();
  });

  it.each([
    ['TALK_GRANTED', { media: { kind: 'livekit' } }],
    ['GROUP_JOINED', { floor: { state: 'taken' } }],
    ['GROUP_JOINED', { missed: [{ type: 'TALK_ENDED' }] }],
    ['TALK_ENDED', { durationMs: '5' }],
    ['TALK_ENDED', { groupId: 'Team' }],
  ])('%s with %j is none', (type, wrong) => {
    expect(published.faultsOf({ ...exampleOf(type), ...wrong })).not.toBeNull();
  });
});

describe('what belongs to no message', () => {
  it('lists the close codes, and after which to connect again', () => {
    const codes = published.document.channels.socket['x-close-codes'];
    const own = codes.filter(({ code }) => code >= 4000);
    expect(Object.fromEntries(own.map(({ name, code }) => [name, code]))).toEqual(CloseCode);
    for (const { code, reconnect } of codes) expect([code, reconnect]).toEqual([code, code >= 4000 && code < 4500]);
    expect(codes.filter(({ code }) => code < 4000).map(({ code }) => code)).toEqual([1002, 1003, 1007, 1008, 1009]);
  });

  it('lists the error codes', () => {
    expect(published.document.components.schemas['ErrorCode']?.['x-extensible-enum']).toEqual(socketErrorCode.options);
  });

  it('describes the binary audio packet', () => {
    const { description } = published.document.channels.socket;
    for (const part of ['Byte 0 is `0x01`', '`streamId`', 'packet number', 'big-endian', 'Opus']) {
      expect(description).toContain(part);
    }
  });
});
