export { createAuth, type Auth, type SessionEndCause, type TokenUser } from './service.ts';
export type { AuthenticationResult } from './authenticator.ts';
export { registerAuthRoutes } from './routes.ts';
