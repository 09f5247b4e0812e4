export { createAdminLive, type AdminLive } from './live.ts';
export { createAdmin, type Admin } from './service.ts';
export { registerAdminRoutes } from './routes.ts';
export { demoUsernames, ensureFirstAdmin, loadDemoData } from './first-data.ts';
export { ownDemoPassword, settleDemoPasswords } from './demo-passwords.ts';
