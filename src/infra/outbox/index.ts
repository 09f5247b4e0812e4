export { createOutbox, type Outbox } from './outbox.ts';
export type { StoredEvent } from './repo.ts';
