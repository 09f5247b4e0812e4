export { createAuth, type Auth } from './service.ts';
export { registerAuthRoutes } from './routes.ts';
