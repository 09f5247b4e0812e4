export { createAudit, type Audit } from './service.ts';
