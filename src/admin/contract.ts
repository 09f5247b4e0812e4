/** The wire objects of the admin routes, which belong to the domains that they are about. */
export { pairingCode } from '../auth/pairing/contract.ts';
export { groupChange, managedGroup, member, memberChange, newGroup, newManager } from '../groups/contract.ts';
export { newUser, user, userChange } from '../users/contract.ts';
