import { createGuardCounters, type GuardCounters } from './counters.ts';
import { WebhookRefused } from './webhook.ts';

/** Sees to it that in the rooms of the media server only the floor holder is heard, and only members hear. */
export interface MediaGuard {
  readonly counters: GuardCounters;
  /** Begins to look at rooms, first at all. */
  start(): void;
  /** Whether the sender of this `Authorization` header has the media server's key. */
  isSigned(authorization: string | undefined): Promise<boolean>;
  /**
   * Takes what the media server posts; what follows from it is done after this resolves. Throws `WebhookRefused` for
   * what the media server has not sent, and for what is no event.
   */
  receive(body: Uint8Array, authorization: string | undefined): Promise<void>;
  /**
   * A change was committed. Whom it takes a membership or a session from is put out of the rooms, and kept out while
   * his tokens last.
   */
  heard(event: { readonly type: string; readonly payload: unknown }): void;
  /** Resolves when nothing is under way any more, or after 2 s. */
  close(): Promise<void>;
}

/** No media server is configured: there are no rooms, and nobody has the key to post with. */
export function noGuard(): MediaGuard {
  const counters = createGuardCounters();
  return {
    counters,
    start: () => undefined,
    isSigned: async () => false,
    receive: async () => {
      counters.webhooks.refused += 1;
      throw new WebhookRefused('signature');
    },
    heard: () => undefined,
    close: async () => undefined,
  };
}
