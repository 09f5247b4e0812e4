import type { Bus, BusHandler, Unsubscribe } from './port.ts';

/** The bus of a single process: what is published is there at once, in order, and never lost. */
export class MemoryBus implements Bus {
  readonly #groups = new Map<string, Set<BusHandler>>();
  readonly #users = new Map<string, Set<BusHandler>>();
  readonly #processes = new Set<BusHandler>();

  async subscribeGroup(groupId: string, handler: BusHandler): Promise<Unsubscribe> {
    return subscribe(this.#groups, groupId, handler);
  }

  async subscribeUser(userId: string, handler: BusHandler): Promise<Unsubscribe> {
    return subscribe(this.#users, userId, handler);
  }

  async publishUser(userId: string, payload: string): Promise<void> {
    deliver(this.#users, userId, payload);
  }

  async subscribeProcesses(handler: BusHandler): Promise<Unsubscribe> {
    this.#processes.add(handler);
    return () => this.#processes.delete(handler);
  }

  async publishProcesses(payload: string): Promise<number> {
    for (const handler of this.#processes) handler.onMessage(payload);
    return this.#processes.size;
  }

  /** What a Redis script does with SPUBLISH: the in-process floor store calls it. */
  publishGroup(groupId: string, payload: string): void {
    deliver(this.#groups, groupId, payload);
  }

  async close(): Promise<void> {
    this.#groups.clear();
    this.#users.clear();
    this.#processes.clear();
  }
}

function subscribe(channels: Map<string, Set<BusHandler>>, id: string, handler: BusHandler): Unsubscribe {
  const handlers = channels.get(id) ?? new Set();
  channels.set(id, handlers.add(handler));
  return () => {
    handlers.delete(handler);
    if (handlers.size === 0 && channels.get(id) === handlers) channels.delete(id);
  };
}

function deliver(channels: Map<string, Set<BusHandler>>, id: string, payload: string): void {
  for (const handler of channels.get(id) ?? []) handler.onMessage(payload);
}
