import type { Auth } from '../auth/index.ts';
import type { Groups } from '../groups/index.ts';
import type { RunChange } from '../infra/change.ts';
import type { Cursors } from '../http/cursors.ts';
import type { HttpServer } from '../http/server.ts';
import type { Users } from '../users/index.ts';
import { registerAdminGroupRoutes } from './group-routes.ts';
import { registerAdminMemberRoutes } from './member-routes.ts';
import type { Admin } from './service.ts';
import { registerAdminUserRoutes } from './user-routes.ts';

export interface AdminRouteParts {
  readonly admin: Admin;
  readonly users: Users;
  readonly groups: Groups;
  readonly auth: Auth;
  readonly runChange: RunChange;
  readonly cursors: Cursors;
}

export function registerAdminRoutes(server: HttpServer, parts: AdminRouteParts): void {
  registerAdminUserRoutes(server, parts);
  registerAdminGroupRoutes(server, parts);
  registerAdminMemberRoutes(server, parts);
}
