import { SignInNeeded, type TokenSource } from './link/ports.ts';
import { ApiRefusal, type Tokens, type TokensApi } from './api.ts';

const KEY = 'neda.session';
/** A token that ends sooner is not worth connecting with. */
const LEAST_LIFE_MS = 5_000;

/** What is kept of a session, as text. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

interface Kept {
  readonly accessToken: string;
  readonly expiresAtMs: number;
  readonly refreshToken: string;
}

/**
 * Who is signed in here. Only one renewal is ever under way: a second use of a refresh token would look like a theft
 * and end the session.
 */
export class Account implements TokenSource {
  readonly #api: TokensApi;
  readonly #store: Store;
  readonly #nowMs: () => number;
  #renewal: Promise<string> | null = null;

  constructor(api: TokensApi, store: Store, nowMs: () => number) {
    this.#api = api;
    this.#store = store;
    this.#nowMs = nowMs;
  }

  get isSignedIn(): boolean {
    return this.#kept() !== null;
  }

  /** Throws `ApiRefusal`, or what fetch throws. */
  async signIn(credentials: { readonly username: string; readonly password: string }): Promise<void> {
    this.#keep(await this.#api.login(credentials));
  }

  /** Throws `ApiRefusal`, or what fetch throws. */
  async pair(code: string): Promise<void> {
    this.#keep(await this.#api.pair(code));
  }

  /** Forgets the session at once; the server is told if it can be reached. */
  async signOut(): Promise<void> {
    const kept = this.#kept();
    this.forget();
    if (kept !== null) await this.#api.logout(kept.accessToken).catch(() => undefined);
  }

  forget(): void {
    this.#store.removeItem(KEY);
  }

  async current(): Promise<string> {
    const kept = this.#kept();
    if (kept !== null && kept.expiresAtMs - this.#nowMs() > LEAST_LIFE_MS) return kept.accessToken;
    return this.renew();
  }

  renew(): Promise<string> {
    this.#renewal ??= this.#refresh().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #refresh(): Promise<string> {
    const kept = this.#kept();
    if (kept === null) throw new SignInNeeded('there is no session');
    try {
      const tokens = await this.#api.refresh(kept.refreshToken);
      // Signed out or in again meanwhile: the new tokens are nobody's.
      if (this.#kept()?.refreshToken !== kept.refreshToken) throw new SignInNeeded('the session was left');
      this.#keep(tokens);
      return tokens.accessToken;
    } catch (error) {
      if (!(error instanceof ApiRefusal) || error.status !== 401) throw error;
      if (this.#kept()?.refreshToken === kept.refreshToken) this.forget();
      throw new SignInNeeded(error.code, { cause: error });
    }
  }

  #keep({ accessToken, expiresInMs, refreshToken }: Tokens): void {
    const kept: Kept = { accessToken, expiresAtMs: this.#nowMs() + expiresInMs, refreshToken };
    this.#store.setItem(KEY, JSON.stringify(kept));
  }

  #kept(): Kept | null {
    const text = this.#store.getItem(KEY);
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return isKept(value) ? value : null;
  }
}

function isKept(value: unknown): value is Kept {
  return (
    typeof value === 'object' &&
    value !== null &&
    'accessToken' in value &&
    typeof value.accessToken === 'string' &&
    'expiresAtMs' in value &&
    typeof value.expiresAtMs === 'number' &&
    'refreshToken' in value &&
    typeof value.refreshToken === 'string'
  );
}
