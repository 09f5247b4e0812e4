export { createFloorAudit, floorRevoked } from './floor.ts';
export { createAudit, type Audit } from './service.ts';
