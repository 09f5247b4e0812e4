import { SignJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import type { Rest } from '../_support/rest.ts';
import { type Tokens, user } from '../_support/wire.ts';
import type { Column } from './authorisation-table.ts';

export const password = 'push-to-talk';
const mediaSecret = 'W8sKd3PzVq6MtXb1RfYh9JcLg4NvTa7E';

/** Somebody and his tokens, whether they are still good or not. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly tokens: Tokens;
}

type Part = Exclude<Column, 'nobody'> | 'ended admin' | 'disabled admin' | 'talker';

const parts: readonly Part[] = [
  'stranger',
  'member',
  'listen-only',
  'manager',
  'admin',
  'ended session',
  'ended admin',
  'disabled user',
  'disabled admin',
  'talker',
];
const disabled: readonly Part[] = ['disabled user', 'disabled admin'];

/** What an id in a request stands for. */
export type ObjectKind = 'group' | 'user' | 'member' | 'own session' | 'session of another';

/** The people of the table around a running server; whatever they need is made over REST. */
export interface World {
  readonly neda: Neda;
  /** The same deployment, run as in production, with a media server that is away. */
  readonly production: Rest;
  /** Whose requests a column's are; null for nobody. On `/admin` the last two columns are admins. */
  callerOf(column: Column, isAdminRoute?: boolean): Person | null;
  readonly talker: Person;
  /** Signs somebody in once more. */
  newSession(person: Person): Promise<Person>;
  /** A new user with the rights of this one, in `groupId` as well. */
  twinOf(person: Person, groupId: string): Promise<Person>;
  /** A group of its own with the manager, the members of the table and a talker. */
  newGroup(column: Column): Promise<string>;
  /** Something of this kind that is there. */
  make(kind: ObjectKind, caller: Person | null, groupId: string): Promise<string>;
  /** Ids of this kind that were there, and of what is there but not of this kind for the request. */
  makeGone(kind: ObjectKind, caller: Person | null, groupId: string): Promise<readonly string[]>;
  /** A code with which a watch of his can sign in, if he may. */
  pairingCode(person: Person): Promise<string>;
  /** As the production server would sign it, whether it would or not. */
  mediaToken(person: Person, groupId: string): Promise<string>;
  /** A username that nobody has. */
  unusedName(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openWorld(): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await createDatabase());
  const redis = opening.use(await startRedis());
  const common = { databaseUrl: database.url, redisUrl: redis.url };
  const env = { SECRET_KEY: 'Zb3uTqL8cW5xVn1RkYp6DfGh2JmQs9Ea' };
  const neda = opening.use(await startNeda({ ...common, env }));
  const production = opening.use(
    await startNeda({
      ...common,
      env: {
        ...env,
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        RATE_LIMITS: 'on',
        METRICS_TOKEN: 'q7VtR2mXz9KcW4bN',
        LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
        LIVEKIT_API_KEY: 'key',
        LIVEKIT_API_SECRET: mediaSecret,
      },
    }),
  );
  const { rest } = neda;
  const root = (await rest.login('admin')).accessToken;
  let serial = 0;

  async function newPerson(role: 'admin' | 'user'): Promise<Person> {
    serial += 1;
    const username = `person-${serial}`;
    const { id } = await rest.createUser(root, { username, password, role });
    return { id, username, tokens: await rest.login(username, password) };
  }

  async function asAdmin(status: number, method: string, path: string, body?: unknown): Promise<unknown> {
    return rest.expect(status, method, `/api/v1/admin${path}`, {
      token: root,
      ...(body === undefined ? {} : { body }),
    });
  }

  async function endSession(tokens: Tokens): Promise<string> {
    await rest.expect(204, 'POST', '/api/v1/auth/logout', { token: tokens.accessToken });
    return tokens.session.id;
  }

  /** Somebody who never signs in, as hashing passwords is what takes time here. */
  async function newUser(): Promise<string> {
    serial += 1;
    const made = await asAdmin(201, 'POST', '/users', { username: `user-${serial}`, displayName: 'Somebody' });
    return user.parse(made).id;
  }

  async function newMember(groupId: string): Promise<string> {
    const id = await newUser();
    await rest.putMember(root, groupId, id);
    return id;
  }

  const people = new Map<Part, Person>();
  for (const part of parts) people.set(part, await newPerson(part.endsWith('admin') ? 'admin' : 'user'));
  const personOf = (part: Part): Person => {
    const person = people.get(part);
    if (person === undefined) throw new Error(`there is no ${part}`);
    return person;
  };
  for (const part of ['ended session', 'ended admin'] as const) await endSession(personOf(part).tokens);
  for (const part of disabled) await asAdmin(200, 'PATCH', `/users/${personOf(part).id}`, { disabled: true });
  await newGroupOf(personOf('stranger'));

  async function newGroupOf(manager: Person): Promise<string> {
    serial += 1;
    return (await rest.createGroup(root, { name: `Group ${serial}`, managerId: manager.id })).id;
  }

  async function newSession(person: Person): Promise<Person> {
    return { ...person, tokens: await rest.login(person.username, password) };
  }

  const making: Record<ObjectKind, (caller: Person | null, groupId: string) => Promise<string>> = {
    group: async (_caller, groupId) => groupId,
    user: newUser,
    member: (_caller, groupId) => newMember(groupId),
    'own session': async (caller) =>
      caller === null || people.get('disabled user') === caller || people.get('disabled admin') === caller
        ? uuidv7()
        : (await newSession(caller)).tokens.session.id,
    'session of another': async () => (await newSession(personOf('talker'))).tokens.session.id,
  };

  const losing: Record<ObjectKind, (caller: Person | null, groupId: string) => Promise<readonly string[]>> = {
    group: async (caller) => {
      const groupId = await newGroupOf(personOf('manager'));
      if (caller !== null) await rest.putMember(root, groupId, caller.id);
      await asAdmin(204, 'DELETE', `/groups/${groupId}`);
      return [groupId];
    },
    user: async () => {
      const id = await newUser();
      await asAdmin(204, 'DELETE', `/users/${id}`);
      return [id];
    },
    member: async (_caller, groupId) => {
      const removed = await newMember(groupId);
      await asAdmin(204, 'DELETE', `/groups/${groupId}/members/${removed}`);
      const deleted = await newMember(groupId);
      await asAdmin(204, 'DELETE', `/users/${deleted}`);
      return [removed, deleted, personOf('stranger').id];
    },
    'own session': async (caller) => (caller === null ? [] : [await endSession((await newSession(caller)).tokens)]),
    'session of another': async () => [await endSession((await newSession(personOf('talker'))).tokens)],
  };

  const open = opening.move();
  return {
    neda,
    production: production.rest,
    talker: personOf('talker'),
    callerOf: (column, isAdminRoute = false) => {
      if (column === 'nobody') return null;
      if (isAdminRoute && column === 'ended session') return personOf('ended admin');
      if (isAdminRoute && column === 'disabled user') return personOf('disabled admin');
      return personOf(column);
    },
    newSession,
    twinOf: async (person, groupId) => {
      const twin = await newPerson(person.tokens.user.role);
      if (person === personOf('stranger') || person === personOf('admin')) return twin;
      if (person === personOf('manager')) await asAdmin(200, 'PUT', `/groups/${groupId}/manager`, { userId: twin.id });
      else {
        const talk = person === personOf('listen-only') ? 'listen_only' : 'allowed';
        await rest.putMember(root, groupId, twin.id, { talk });
      }
      return twin;
    },
    newGroup: async (column) => {
      const groupId = await newGroupOf(personOf('manager'));
      for (const part of ['member', 'ended session', 'talker'] as const) {
        await rest.putMember(root, groupId, personOf(part).id);
      }
      await rest.putMember(root, groupId, personOf('listen-only').id, { talk: 'listen_only' });
      if (column === 'disabled user') {
        const { id } = personOf(column);
        await asAdmin(200, 'PATCH', `/users/${id}`, { disabled: false });
        await rest.putMember(root, groupId, id);
        await asAdmin(200, 'PATCH', `/users/${id}`, { disabled: true });
      }
      return groupId;
    },
    make: (kind, caller, groupId) => making[kind](caller, groupId),
    makeGone: (kind, caller, groupId) => losing[kind](caller, groupId),
    pairingCode: async ({ id }) => {
      const isDisabled = disabled.some((part) => personOf(part).id === id);
      if (isDisabled) await asAdmin(200, 'PATCH', `/users/${id}`, { disabled: false });
      const made = await asAdmin(201, 'POST', `/users/${id}/pairing-codes`);
      if (isDisabled) await asAdmin(200, 'PATCH', `/users/${id}`, { disabled: true });
      return z.looseObject({ code: z.string() }).parse(made).code;
    },
    mediaToken: ({ id, tokens }, groupId) => {
      const rights = { canSubscribe: true, canPublish: false, canPublishData: false };
      return new SignJWT({ video: { room: `neda.${groupId}`, roomJoin: true, ...rights } })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer('key')
        .setSubject(`u_${id}.${tokens.session.id}`)
        .setExpirationTime('1m')
        .sign(new TextEncoder().encode(mediaSecret));
    },
    unusedName: () => {
      serial += 1;
      return `unused-${serial}`;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
