import type { Audit } from '../audit/index.ts';
import type { Auth } from '../auth/index.ts';
import type { Groups } from '../groups/index.ts';
import type { Cursors } from '../http/cursors.ts';
import type { RunChange } from '../infra/change.ts';
import type { Users } from '../users/index.ts';
import type { AdminLive } from './live.ts';
import type { Admin } from './service.ts';

/** What the admin routes stand on. */
export interface AdminRouteParts {
  readonly admin: Admin;
  readonly adminLive: AdminLive;
  readonly audit: Audit;
  readonly users: Users;
  readonly groups: Groups;
  readonly auth: Auth;
  readonly runChange: RunChange;
  readonly cursors: Cursors;
}
