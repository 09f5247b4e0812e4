import type { Origin } from '../infra/change.ts';
import type { Audit, AuditRecord } from './service.ts';

/** What was asked for, without what differs from one time to the next. */
type Asked = { readonly method: string; readonly route: string } | { readonly message: string };

/**
 * A signed-in user asked for what his role does not allow. One row per user, route or message, and minute, however often
 * he asks and about whatever: its target is that of the first time.
 */
export function recordRefusal(
  audit: Audit,
  origin: Origin,
  {
    what,
    target,
    about = {},
  }: {
    readonly what: Asked;
    readonly target: AuditRecord['target'];
    /** Further ids that it was about. */
    readonly about?: Readonly<Record<string, string>>;
  },
): void {
  const who = origin.actor.type === 'user' ? origin.actor.userId : origin.actor.type;
  const entry = { action: 'access.refused', target, result: 'failure', details: { ...what, ...about } } as const;
  audit.recordSoon(origin, entry, { onceAMinute: `access.refused ${who} ${Object.values(what).join(' ')}` });
}

const types: Readonly<Record<string, string>> = { users: 'user', groups: 'group', sessions: 'session' };
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a request is about, by its route and the ids in its path: `/admin/groups/:id/members/:userId`. */
export function subjectOf(
  route: string,
  params: unknown,
): {
  readonly target: AuditRecord['target'];
  readonly about: Readonly<Record<string, string>>;
} {
  const { id, userId } = idsIn(params);
  const type = types[/\/([a-z-]+)\/:id(?:\/|$)/.exec(route)?.[1] ?? ''];
  return {
    target: type === undefined || id === undefined ? null : { type, id },
    about: userId === undefined ? {} : { userId },
  };
}

/** Those that are ids: a path may hold anything. */
function idsIn(params: unknown): { readonly id?: string; readonly userId?: string } {
  if (typeof params !== 'object' || params === null) return {};
  return Object.fromEntries(
    Object.entries(params).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && uuid.test(entry[1]),
    ),
  );
}
