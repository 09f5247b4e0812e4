import { randomBytes } from 'node:crypto';
import type { RestAnswer } from '../_support/rest.ts';
import { type Column, type Row, titleOf } from './authorisation-table.ts';
import { type ObjectKind, password, type Person, type World } from './authorisation-world.ts';

/** What a body is made of. */
interface Given {
  readonly world: World;
  readonly caller: Person | null;
  /** The ids of this request by name. */
  readonly ids: Readonly<Record<string, string>>;
}

/** How the request of a row is made, valid but for access. */
interface Recipe {
  /** What each id stands for: of a path's `:name`, or for the body alone. */
  readonly objects?: Readonly<Record<string, ObjectKind>>;
  readonly body?: (given: Given) => unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Another sends the request, who asks whether the caller may join the room of this group. */
  readonly isRelayed?: (given: {
    readonly world: World;
    readonly caller: Person | null;
    readonly groupId: string;
  }) => Promise<Readonly<Record<string, string>>>;
  /** Where the row's own path is none that can be asked for. */
  readonly path?: string;
  /** What the request uses up, so that it has one of its own. */
  readonly consumes?: 'session' | 'person';
  readonly inProduction?: true;
}

const device = { name: 'matrix', kind: 'other' };
const groupOnly = { objects: { id: 'group' } } as const;
const userOnly = { objects: { id: 'user' } } as const;

/** By the title of the row. */
export const recipes: Readonly<Record<string, Recipe>> = {
  'GET /livez': {},
  'GET /readyz': {},
  'GET /health': {},
  'GET /metrics (development)': {},
  'GET /metrics (production, where METRICS_TOKEN is asked for)': { inProduction: true },
  'GET /openapi.json': {},
  'GET /asyncapi.json': {},
  'GET /docs/*': { path: '/docs/static/index.css' },
  'GET /talk': {},
  'GET /talk/:file (a file that the page does not have)': { path: '/talk/no-such-file.js' },
  'OPTIONS * (a preflight)': {
    path: '/api/v1/groups',
    headers: { origin: 'https://elsewhere.test', 'access-control-request-method': 'GET' },
  },
  'GET /ws (without an upgrade)': {},
  'POST /api/v1/auth/login (own name and password)': {
    body: ({ world, caller }) => ({ username: caller?.username ?? world.unusedName(), password, device }),
  },
  'POST /api/v1/auth/pair (an own pairing code)': {
    body: async ({ world, caller }) => ({
      code: caller === null ? 'BCDF-GHJK' : await world.pairingCode(caller),
      device,
    }),
  },
  "POST /api/v1/auth/refresh (the session's refresh token)": {
    consumes: 'session',
    body: ({ caller }) => ({ refreshToken: caller?.tokens.refreshToken ?? randomBytes(32).toString('base64url') }),
  },
  'POST /api/v1/auth/logout': { consumes: 'session' },
  'GET /api/v1/auth/me': {},
  'GET /api/v1/auth/sessions': {},
  'DELETE /api/v1/auth/sessions/:id (own session)': { objects: { id: 'own session' } },
  "DELETE /api/v1/auth/sessions/:id (another's session)": { objects: { id: 'session of another' } },
  'POST /api/v1/auth/password': {
    consumes: 'person',
    body: () => ({ currentPassword: password, newPassword: 'a better word than before' }),
  },
  'GET /api/v1/groups': {},
  'GET /api/v1/groups/:id': groupOnly,
  'GET /api/v1/groups/:id/members': groupOnly,
  'POST /api/v1/groups/:id/media-token': groupOnly,
  'GET /api/v1/groups/:id/talks': groupOnly,
  "GET /api/v1/media/gate (a media token of the caller's session)": {
    isRelayed: async ({ world, caller, groupId }) => ({
      'x-forwarded-uri': `/rtc${caller === null ? '' : `?access_token=${await world.mediaToken(caller, groupId)}`}`,
    }),
    inProduction: true,
  },
  'POST /api/v1/media/webhook (not signed by the media server)': {},
  'GET /api/v1/admin/talks': {},
  'GET /api/v1/admin/voice-sessions': {},
  'GET /api/v1/admin/users': {},
  'POST /api/v1/admin/users': { body: ({ world }) => ({ username: world.unusedName(), displayName: 'Somebody' }) },
  'GET /api/v1/admin/users/:id': userOnly,
  'PATCH /api/v1/admin/users/:id': { ...userOnly, body: () => ({ displayName: 'Another' }) },
  'DELETE /api/v1/admin/users/:id': userOnly,
  'POST /api/v1/admin/users/:id/pairing-codes': userOnly,
  'GET /api/v1/admin/groups': {},
  'POST /api/v1/admin/groups': {
    objects: { managerId: 'user' },
    body: ({ ids }) => ({ name: 'Night watch', managerId: ids['managerId'] }),
  },
  'GET /api/v1/admin/groups/:id': groupOnly,
  'PATCH /api/v1/admin/groups/:id': { ...groupOnly, body: () => ({ name: 'Day watch' }) },
  'DELETE /api/v1/admin/groups/:id': groupOnly,
  'GET /api/v1/admin/groups/:id/members': groupOnly,
  'PUT /api/v1/admin/groups/:id/members/:userId (a new member)': { objects: { id: 'group', userId: 'user' } },
  'DELETE /api/v1/admin/groups/:id/members/:userId': { objects: { id: 'group', userId: 'member' } },
  'PUT /api/v1/admin/groups/:id/manager': {
    objects: { id: 'group', newManager: 'user' },
    body: ({ ids }) => ({ userId: ids['newManager'] }),
  },
  'GET /api/v1/admin/sessions': {},
  'DELETE /api/v1/admin/sessions/:id': { objects: { id: 'session of another' } },
  'GET /api/v1/admin/live': {},
  'DELETE /api/v1/admin/groups/:id/floor': groupOnly,
  'GET /api/v1/admin/audit': {},
};

/** The request of a row, as the one of a column sends it. `replaced` puts other ids in the place of real ones. */
export async function ask(
  world: World,
  row: Row,
  column: Column,
  replaced: Readonly<Record<string, string>> = {},
): Promise<RestAnswer> {
  const { recipe, method, path } = partsOf(row);
  const { isRelayed } = recipe;
  const needsGroup =
    recipe.consumes === 'person' || isRelayed !== undefined || Object.values(recipe.objects ?? {}).some(isOfGroup);
  const groupId = needsGroup ? await world.newGroup(column) : '';
  const caller = await callerOf(world, row, column, groupId);
  const ids: Record<string, string> = {};
  for (const [name, kind] of Object.entries(recipe.objects ?? {})) {
    ids[name] = replaced[name] ?? (await world.make(kind, caller, groupId));
  }
  const body = await recipe.body?.({ world, caller, ids });
  const rest = recipe.inProduction === true ? world.production : world.neda.rest;
  return rest.request(
    method,
    path.replaceAll(/:([A-Za-z]+)/g, (_all, name: string) => ids[name] ?? ''),
    {
      ...(caller === null || isRelayed !== undefined ? {} : { token: caller.tokens.accessToken }),
      ...(body === undefined ? {} : { body }),
      headers: (await isRelayed?.({ world, caller, groupId })) ?? recipe.headers ?? {},
    },
  );
}

export function partsOf(row: Row): { readonly recipe: Recipe; readonly method: string; readonly path: string } {
  const recipe = recipes[titleOf(row)];
  if (recipe === undefined) throw new Error(`nobody said how to ask ${titleOf(row)}: see ${import.meta.filename}`);
  const [method = '', path = ''] = row.name.split(' ');
  return { recipe, method, path: recipe.path ?? path };
}

async function callerOf(world: World, row: Row, column: Column, groupId: string): Promise<Person | null> {
  const { recipe, path } = partsOf(row);
  const caller = world.callerOf(column, path.startsWith('/api/v1/admin/'));
  const isHere = column !== 'ended session' && column !== 'disabled user';
  if (caller === null || !isHere || recipe.consumes === undefined) return caller;
  return recipe.consumes === 'session' ? world.newSession(caller) : world.twinOf(caller, groupId);
}

function isOfGroup(kind: ObjectKind): boolean {
  return kind === 'group' || kind === 'member';
}
