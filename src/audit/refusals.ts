import type { Origin } from '../infra/change.ts';
import type { Audit } from './service.ts';

/** A signed-in user asked for what his role does not allow. One row per user, route and minute, however often he asks. */
export function recordRefusal(
  audit: Audit,
  origin: Origin,
  { method, route }: { readonly method: string; readonly route: string },
): void {
  const who = origin.actor.type === 'user' ? origin.actor.userId : origin.actor.type;
  const entry = { action: 'access.refused', target: null, result: 'failure', details: { method, route } } as const;
  audit.recordSoon(origin, entry, { onceAMinute: `access.refused ${who} ${method} ${route}` });
}
