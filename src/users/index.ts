export { createUsers, type Users, type UserInput, type UserUpdate } from './service.ts';
export type { UserRecord } from './repo.ts';
export { userOnWire } from './wire.ts';
