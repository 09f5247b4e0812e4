import type { Media } from '../../src/realtime/protocol/index.ts';

const LIMIT_MS = 10_000;

export interface Tokens {
  readonly accessToken: string;
  readonly expiresInMs: number;
  readonly refreshToken: string;
}

/** The part of REST that a session needs. Each throws `ApiRefusal`, or what fetch throws when nothing answers. */
export interface TokensApi {
  login(credentials: { readonly username: string; readonly password: string }): Promise<Tokens>;
  pair(code: string): Promise<Tokens>;
  refresh(refreshToken: string): Promise<Tokens>;
  logout(accessToken: string): Promise<void>;
}

/** The server answered, and said no. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly code: string;
  /** How long to wait, where the server says so. Milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(status: number, code: string, retryAfterMs: number | null) {
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server that this page came from. */
export class Api implements TokensApi {
  readonly #device: { readonly name: string; readonly kind: 'browser' | 'phone' };

  constructor(device: { readonly name: string; readonly kind: 'browser' | 'phone' }) {
    this.#device = device;
  }

  async login({ username, password }: { readonly username: string; readonly password: string }): Promise<Tokens> {
    return tokensOf(await post('/auth/login', { username, password, device: this.#device }));
  }

  async pair(code: string): Promise<Tokens> {
    return tokensOf(await post('/auth/pair', { code, device: this.#device }));
  }

  async refresh(refreshToken: string): Promise<Tokens> {
    return tokensOf(await post('/auth/refresh', { refreshToken }));
  }

  /** How the group is heard by WebRTC; of kind `none` on a server without a media server. */
  async mediaToken(groupId: string, accessToken: string): Promise<Media> {
    return mediaOf(await post(`/groups/${groupId}/media-token`, {}, accessToken));
  }

  async logout(accessToken: string): Promise<void> {
    await post('/auth/logout', {}, accessToken);
  }
}

async function post(path: string, body: object, accessToken?: string): Promise<unknown> {
  const answer = await fetch(`/api/v1${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(LIMIT_MS),
    cache: 'no-store',
  });
  const value: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return value;
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  throw new ApiRefusal(answer.status, textField(value, 'code') ?? '', Number.isNaN(seconds) ? null : seconds * 1_000);
}

function tokensOf(value: unknown): Tokens {
  const accessToken = textField(value, 'accessToken');
  const refreshToken = textField(value, 'refreshToken');
  const expiresInMs = field(value, 'expiresInMs');
  if (accessToken === undefined || refreshToken === undefined || typeof expiresInMs !== 'number') {
    throw new Error('the server gave no tokens');
  }
  return { accessToken, refreshToken, expiresInMs };
}

/** Every kind but WebRTC is as good as none: the relay is asked for in JOIN_GROUP. */
function mediaOf(value: unknown): Media {
  const [url, room, token, identity] = ['url', 'room', 'token', 'identity'].map((name) => textField(value, name));
  const expiresInMs = field(value, 'expiresInMs');
  if (url === undefined || room === undefined || token === undefined) return { kind: 'none' };
  if (identity === undefined || typeof expiresInMs !== 'number') return { kind: 'none' };
  return { kind: 'livekit', url, room, token, identity, expiresInMs };
}

function textField(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
