import type { Bus } from '../bus/port.ts';
import type { ProcessMailbox } from './port.ts';

/** A process's mailbox is the bus channel of its id: ids are UUIDs, so that no user has the same. */
export function createBusMailbox(bus: Pick<Bus, 'subscribeUser' | 'publishUser'>): ProcessMailbox {
  return {
    listen: (processId, handler) => bus.subscribeUser(processId, handler),
    post: (processId, payload) => bus.publishUser(processId, payload),
  };
}
