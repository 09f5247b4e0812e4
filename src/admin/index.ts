export { createAdminLive, type AdminLive } from './live.ts';
export { createAdmin, type Admin } from './service.ts';
export { registerAdminRoutes } from './routes.ts';
export { ensureFirstAdmin, loadDemoData } from './first-data.ts';
