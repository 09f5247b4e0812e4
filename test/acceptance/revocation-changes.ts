import type { Rest, RestAnswer } from '../_support/rest.ts';
import type { Tokens } from '../_support/wire.ts';

/** Who loses something, and what he needs to lose it. */
export interface Victim {
  readonly id: string;
  readonly password: string;
  /** The session that talks. */
  readonly tokens: Tokens;
  /** Another session of his. */
  readonly spare: Tokens;
  readonly groupId: string;
}

/** How the victim's socket learns of it. */
type Told =
  | { readonly close: number; readonly reason: string }
  | { readonly type: 'GROUP_REMOVED'; readonly cause: string }
  | { readonly type: 'GROUP_UPDATED'; readonly me: { readonly role: string; readonly talk: string } };

/** One way to take from somebody what his talk stands on. */
export interface Change {
  readonly name: string;
  readonly status: number;
  /** Makes it, by one request with these headers. `admin` is an admin's token. */
  make(rest: Rest, victim: Victim, by: { readonly admin: string; readonly headers: Headers }): Promise<RestAnswer>;
  readonly told: Told;
  /** Rows of the audit, `action target`, that are written with it. */
  readonly audit: (victim: Victim) => readonly string[];
  /** Rows of the outbox, `type id`, that are written with it. */
  readonly events: (victim: Victim) => readonly string[];
}

type Headers = Readonly<Record<string, string>>;

const ended = { close: 4503, reason: 'session_revoked' } as const;
const gone = { close: 4504, reason: 'user_disabled' } as const;
const sessionEnded = ({ tokens }: Victim): string => `session.ended ${tokens.session.id}`;

export const changes: readonly Change[] = [
  {
    name: 'his session is ended by himself',
    status: 204,
    make: (rest, { tokens, spare }, { headers }) =>
      rest.request('DELETE', `/api/v1/auth/sessions/${tokens.session.id}`, { token: spare.accessToken, headers }),
    told: ended,
    audit: (victim) => [sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'his session is ended by an admin',
    status: 204,
    make: (rest, { tokens }, { admin, headers }) =>
      rest.request('DELETE', `/api/v1/admin/sessions/${tokens.session.id}`, { token: admin, headers }),
    told: ended,
    audit: (victim) => [sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'he logs out',
    status: 204,
    make: (rest, { tokens }, { headers }) =>
      rest.request('POST', '/api/v1/auth/logout', { token: tokens.accessToken, headers }),
    told: ended,
    audit: (victim) => [sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'an admin sets his password',
    status: 200,
    make: (rest, { id }, { admin, headers }) =>
      rest.request('PATCH', `/api/v1/admin/users/${id}`, {
        token: admin,
        headers,
        body: { password: 'set by somebody else' },
      }),
    told: ended,
    audit: (victim) => [`user.password_set ${victim.id}`, sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'he changes his password on another device',
    status: 204,
    make: (rest, { spare, password }, { headers }) =>
      rest.request('POST', '/api/v1/auth/password', {
        token: spare.accessToken,
        headers,
        body: { currentPassword: password, newPassword: 'one that only I know' },
      }),
    told: ended,
    audit: (victim) => [`auth.password_changed ${victim.id}`, sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'his refresh token is used again',
    status: 401,
    make: async (rest, { tokens }, { headers }) => {
      const next = await rest.refresh(tokens.refreshToken);
      await rest.refresh(next.refreshToken);
      return rest.request('POST', '/api/v1/auth/refresh', { headers, body: { refreshToken: tokens.refreshToken } });
    },
    told: ended,
    audit: (victim) => [`auth.refresh_reused ${victim.tokens.session.id}`, sessionEnded(victim)],
    events: (victim) => [sessionEnded(victim)],
  },
  {
    name: 'he is disabled',
    status: 200,
    make: (rest, { id }, { admin, headers }) =>
      rest.request('PATCH', `/api/v1/admin/users/${id}`, { token: admin, headers, body: { disabled: true } }),
    told: gone,
    audit: (victim) => [`user.disabled ${victim.id}`, sessionEnded(victim)],
    events: (victim) => [`user.disabled ${victim.id}`, sessionEnded(victim)],
  },
  {
    name: 'he is deleted',
    status: 204,
    make: (rest, { id }, { admin, headers }) =>
      rest.request('DELETE', `/api/v1/admin/users/${id}`, { token: admin, headers }),
    told: gone,
    audit: (victim) => [`user.deleted ${victim.id}`, `member.removed ${victim.groupId}`, sessionEnded(victim)],
    events: (victim) => [`user.deleted ${victim.id}`, `member.removed ${victim.id}`, sessionEnded(victim)],
  },
  {
    name: 'he is removed from the group',
    status: 204,
    make: (rest, { id, groupId }, { admin, headers }) =>
      rest.request('DELETE', `/api/v1/admin/groups/${groupId}/members/${id}`, { token: admin, headers }),
    told: { type: 'GROUP_REMOVED', cause: 'removed' },
    audit: ({ groupId }) => [`member.removed ${groupId}`],
    events: ({ id }) => [`member.removed ${id}`],
  },
  {
    name: 'his right to talk is taken',
    status: 200,
    make: (rest, { id, groupId }, { admin, headers }) =>
      rest.request('PUT', `/api/v1/admin/groups/${groupId}/members/${id}`, {
        token: admin,
        headers,
        body: { talk: 'listen_only' },
      }),
    told: { type: 'GROUP_UPDATED', me: { role: 'member', talk: 'listen_only' } },
    audit: ({ groupId }) => [`member.changed ${groupId}`],
    events: ({ id }) => [`member.changed ${id}`],
  },
  {
    name: 'the group is deleted',
    status: 204,
    make: (rest, { groupId }, { admin, headers }) =>
      rest.request('DELETE', `/api/v1/admin/groups/${groupId}`, { token: admin, headers }),
    told: { type: 'GROUP_REMOVED', cause: 'group_deleted' },
    audit: ({ groupId }) => [`group.deleted ${groupId}`],
    events: ({ groupId }) => [`group.deleted ${groupId}`],
  },
];
