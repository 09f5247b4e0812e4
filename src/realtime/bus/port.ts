/**
 * Events between processes. A group channel carries what the floor store's scripts publish, a user channel
 * carries what concerns one person's sockets. Delivery is at most once: whoever listens must be able to find
 * out what he missed (`onGap`).
 */
export interface BusHandler {
  /** One published payload, as it was published. Called in the order of publication. */
  onMessage(payload: string): void;
  /** Messages may have been lost since the last one: the link to the bus was away and is back. */
  onGap(): void;
}

export type Unsubscribe = () => void;

export interface Bus {
  /** Resolves when the subscription stands. Rejects when the bus cannot be reached. */
  subscribeGroup(groupId: string, handler: BusHandler): Promise<Unsubscribe>;
  /** As `subscribeGroup`, for the channel of one user. */
  subscribeUser(userId: string, handler: BusHandler): Promise<Unsubscribe>;
  publishUser(userId: string, payload: string): Promise<void>;
  /** As `subscribeGroup`, for the channel of all processes. */
  subscribeProcesses(handler: BusHandler): Promise<Unsubscribe>;
  /** Resolves to how many processes hear it, this one included when it listens. */
  publishProcesses(payload: string): Promise<number>;
  close(): Promise<void>;
}
