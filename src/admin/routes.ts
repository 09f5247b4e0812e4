import type { HttpServer } from '../http/server.ts';
import { registerAdminAuditRoutes } from './audit-routes.ts';
import { registerAdminGroupRoutes } from './group-routes.ts';
import { registerAdminLiveRoutes } from './live-routes.ts';
import { registerAdminMemberRoutes } from './member-routes.ts';
import { registerAdminPairingRoutes } from './pairing-routes.ts';
import type { AdminRouteParts } from './route-parts.ts';
import { registerAdminSessionRoutes } from './session-routes.ts';
import { registerAdminUserRoutes } from './user-routes.ts';

export function registerAdminRoutes(server: HttpServer, parts: AdminRouteParts): void {
  registerAdminUserRoutes(server, parts);
  registerAdminPairingRoutes(server, parts);
  registerAdminGroupRoutes(server, parts);
  registerAdminMemberRoutes(server, parts);
  registerAdminSessionRoutes(server, parts);
  registerAdminLiveRoutes(server, parts);
  registerAdminAuditRoutes(server, parts);
}
