/** One WebSocket, as the link needs it. */
export interface SocketPort {
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
  /** Bytes that were given to `send` and are not on the network yet. */
  readonly bufferedBytes: number;
}

export interface SocketEvents {
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onClose: (code: number) => void;
}

/** Time and chance, so that tests can have their own. */
export interface Surroundings {
  nowMs(): number;
  /** Calls `then` once after that time; returns the way to call it off. */
  after(delayMs: number, then: () => void): () => void;
  /** 0 to 1. */
  random(): number;
}

/** Where access tokens come from. Both throw `SignInNeeded` when the session has ended; any other error is a passing one. */
export interface TokenSource {
  /** A token that is good for now. */
  current(): Promise<string>;
  /** A fresh one. */
  renew(): Promise<string>;
}

/** The session has ended, or there is none: the person has to sign in. */
export class SignInNeeded extends Error {
  override readonly name = 'SignInNeeded';
}
