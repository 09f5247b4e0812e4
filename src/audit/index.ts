export { createFloorAudit, floorRevoked } from './floor.ts';
export { recordRefusal, subjectOf } from './refusals.ts';
export { createAudit, type Audit } from './service.ts';
export { auditEntryOnWire } from './wire.ts';
