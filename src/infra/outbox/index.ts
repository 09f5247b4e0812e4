export { createOutbox, type Outbox } from './outbox.ts';
export type { OutboxHandler } from './subscription.ts';
export type { StoredEvent } from './repo.ts';
