export { createGroups, type GroupInput, type Groups, type GroupUpdate, type ManagedGroupView } from './service.ts';
export { registerGroupRoutes } from './routes.ts';
export { managedGroupOnWire, memberOnWire } from './wire.ts';
