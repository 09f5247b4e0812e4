export {
  createGroups,
  type GroupInput,
  type Groups,
  type GroupUpdate,
  type GroupView,
  type ManagedGroupView,
  type MembershipView,
  type MemberView,
} from './service.ts';
export { registerGroupRoutes } from './routes.ts';
export { groupOnWire, managedGroupOnWire, memberOnWire } from './wire.ts';
