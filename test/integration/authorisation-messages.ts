import { z } from 'zod';
import { until } from '../_support/until.ts';
import type { ServerMessage } from '../_support/wire.ts';
import { UpgradeRefused, WsClient } from '../_support/ws-client.ts';
import { type Column, type Row, titleOf } from './authorisation-table.ts';
import type { Person, World } from './authorisation-world.ts';

interface Given {
  readonly world: World;
  readonly caller: Person | null;
  readonly groupId: string;
}

interface Recipe {
  /** What has to be so before, over the caller's own socket. */
  readonly prepare?: (client: WsClient, given: Given) => Promise<void>;
  /** A talker in the group. */
  readonly hasTalk?: true;
  readonly namesGroup?: true;
  readonly fields?: (given: Given) => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;
  /** HELLO itself is what is asked. */
  readonly signsIn?: 'on the upgrade' | 'in the message';
}

const join: Recipe['prepare'] = async (client, { groupId }) => {
  await client.request('JOIN_GROUP', { groupId });
};
const ofGroup: Recipe = { namesGroup: true, fields: ({ groupId }) => ({ groupId }) };

/** By the title of the row. */
export const messageRecipes: Readonly<Record<string, Recipe>> = {
  'HELLO (the token on the upgrade)': { signsIn: 'on the upgrade' },
  'HELLO (the token in the message)': { signsIn: 'in the message' },
  'AUTHENTICATE (a fresh token of the session)': {
    fields: ({ caller }) => ({ token: caller?.tokens.accessToken ?? 'none' }),
  },
  "AUTHENTICATE (another session's token)": {
    fields: async ({ world }) => ({ token: (await world.newSession(world.talker)).tokens.accessToken }),
  },
  JOIN_GROUP: ofGroup,
  LEAVE_GROUP: ofGroup,
  REQUEST_TALK: { ...ofGroup, prepare: join },
  'REQUEST_TALK (an emergency)': {
    namesGroup: true,
    prepare: join,
    fields: ({ groupId }) => ({ groupId, emergency: true }),
  },
  'REQUEST_TALK (a group not joined)': ofGroup,
  'RELEASE_TALK (own talk)': {
    ...ofGroup,
    prepare: async (client, { groupId }) => {
      await client.request('JOIN_GROUP', { groupId });
      await client.request('REQUEST_TALK', { groupId });
    },
  },
  "RELEASE_TALK (another's talk)": { ...ofGroup, hasTalk: true, prepare: join },
  "REVOKE_TALK (another's talk)": { ...ofGroup, hasTalk: true },
  PING: {},
};

export function messageRecipe(row: Row): Recipe {
  const recipe = messageRecipes[titleOf(row)];
  if (recipe === undefined) throw new Error(`nobody said how to send ${titleOf(row)}: see ${import.meta.filename}`);
  return recipe;
}

/** What comes of a row's message when the one of a column sends it, as the table says it. */
export async function outcomeOf(world: World, row: Row, column: Column): Promise<string> {
  const recipe = messageRecipe(row);
  const caller = world.callerOf(column);
  await using open = new AsyncDisposableStack();
  if (recipe.signsIn !== undefined) return await signIn(world, caller, recipe.signsIn, open);

  const groupId = recipe.namesGroup === true ? await world.newGroup(column) : '';
  const given = { world, caller, groupId };
  if (recipe.hasTalk === true) await openTalk(world, groupId, open);
  const fields = (await recipe.fields?.(given)) ?? {};
  const client = await connect(world, null, open);
  if (column === 'ended session' || column === 'disabled user') {
    client.send('HELLO', { token: caller?.tokens.accessToken });
    client.send(row.name, fields);
    return await closeOf(client);
  }
  if (caller === null) {
    client.send(row.name, fields);
    return await closeOf(client);
  }
  await client.hello({ token: caller.tokens.accessToken });
  await recipe.prepare?.(client, given);
  return wordsOf(await client.request(row.name, fields));
}

/** The answer to a row's message about the group `groupId`, whatever that is, without what ties it to the message. */
export async function answerAbout(
  world: World,
  row: Row,
  caller: Person,
  groupId: string,
): Promise<Readonly<Record<string, unknown>>> {
  await using open = new AsyncDisposableStack();
  const client = await connect(world, null, open);
  await client.hello({ token: caller.tokens.accessToken });
  const fields = (await messageRecipe(row).fields?.({ world, caller, groupId })) ?? {};
  const answer = await client.request(row.name, fields);
  const { re: _re, groupId: named, ...rest } = answer;
  return { ...rest, namesTheGroup: named === groupId };
}

async function openTalk(world: World, groupId: string, open: AsyncDisposableStack): Promise<void> {
  const talker = await world.newSession(world.talker);
  const client = await connect(world, null, open);
  await client.hello({ token: talker.tokens.accessToken });
  await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
}

async function signIn(
  world: World,
  caller: Person | null,
  where: 'on the upgrade' | 'in the message',
  open: AsyncDisposableStack,
): Promise<string> {
  const token = caller?.tokens.accessToken ?? null;
  try {
    const client = await connect(world, where === 'on the upgrade' ? token : null, open);
    client.send('HELLO', where === 'in the message' && token !== null ? { token } : {});
    return await until(() => (client.messages('READY').length > 0 ? 'READY' : !client.isOpen && closeOf(client)), {
      limitMs: 15_000,
      describe: () => `READY or the end. ${client.describe()}`,
    });
  } catch (error) {
    if (!(error instanceof UpgradeRefused)) throw error;
    const { code } = z.looseObject({ code: z.string() }).parse(JSON.parse(error.body));
    return `${error.status} ${code}`;
  }
}

async function connect(world: World, token: string | null, open: AsyncDisposableStack): Promise<WsClient> {
  const client = await WsClient.connect(world.neda.origin, token === null ? {} : { token });
  open.defer(() => client.terminate());
  return client;
}

async function closeOf(client: WsClient): Promise<string> {
  return `close ${(await client.closed()).code}`;
}

function wordsOf(answer: ServerMessage): string {
  switch (answer.type) {
    case 'ERROR':
      return `ERROR ${String(answer.code)}`;
    case 'TALK_DENIED':
      return `TALK_DENIED ${String(answer.cause)}`;
    case 'TALK_RELEASED':
      return `TALK_RELEASED ${String(answer.released)}`;
    case 'TALK_REVOKE_DONE':
      return `TALK_REVOKE_DONE ${String(answer.revoked)}`;
    default:
      return answer.type;
  }
}
