import { z } from 'zod';
import { comeLate } from './late.ts';
import * as wire from './wire.ts';

/** Passwords are hashed two at a time: of many people who sign in at once the last one waits long. */
const LIMIT_MS = 30_000;

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body read as JSON; undefined when there is none or it is not JSON. */
  readonly body: unknown;
}

export interface RestRequest {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with the content type in `headers`. */
  readonly rawBody?: string;
}

/** A black-box client of the REST interface of one server. `request` never throws on a status. */
export class Rest {
  readonly origin: string;

  constructor(origin: string) {
    this.origin = origin;
  }

  /** `path` is below the origin, e.g. `/livez` or `/api/v1/groups?limit=1`. */
  async request(method: string, path: string, options: RestRequest = {}): Promise<RestAnswer> {
    const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await fetch(new URL(path, this.origin), {
      method,
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const text = await response.text();
    await comeLate();
    return { status: response.status, headers: response.headers, text, body: parseJson(text) };
  }

  /** The same, and throws with the whole answer when the status is another. */
  async expect(status: number, method: string, path: string, options: RestRequest = {}): Promise<unknown> {
    const answer = await this.request(method, path, options);
    if (answer.status !== status) {
      throw new Error(`${method} ${path} answered ${answer.status} instead of ${status}: ${answer.text}`);
    }
    return answer.body;
  }

  /** Expects a refusal as problem+json and returns it. */
  async expectProblem(status: number, method: string, path: string, options: RestRequest = {}): Promise<wire.Problem> {
    const answer = await this.request(method, path, options);
    const type = answer.headers.get('content-type') ?? '';
    if (answer.status !== status || !type.startsWith('application/problem+json')) {
      throw new Error(
        `${method} ${path} answered ${answer.status} (${type}) instead of problem ${status}: ${answer.text}`,
      );
    }
    return wire.problem.parse(answer.body);
  }

  /** Logs in; the demo users' password is `push-to-talk`. */
  async login(
    username: string,
    password = 'push-to-talk',
    device = { name: 'test', kind: 'other' },
  ): Promise<wire.Tokens> {
    return wire.tokens.parse(
      await this.expect(200, 'POST', '/api/v1/auth/login', { body: { username, password, device } }),
    );
  }

  /** Rotates a pair of tokens. */
  async refresh(refreshToken: string): Promise<wire.Tokens> {
    return wire.tokens.parse(await this.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } }));
  }

  /** The groups of the token's user. */
  async groups(token: string): Promise<wire.Group[]> {
    const page = z.looseObject({ items: z.array(wire.group) });
    return page.parse(await this.expect(200, 'GET', '/api/v1/groups', { token })).items;
  }

  /** The one group of the user with this name. */
  async groupNamed(token: string, name: string): Promise<wire.Group> {
    const found = (await this.groups(token)).filter((group) => group.name === name);
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} groups are named ${name}`);
    return only;
  }

  async createUser(
    adminToken: string,
    fields: {
      readonly username: string;
      readonly displayName?: string;
      readonly password?: string;
      readonly role?: string;
    },
  ): Promise<wire.User> {
    const body = { displayName: fields.username, password: 'push-to-talk', ...fields };
    return wire.user.parse(await this.expect(201, 'POST', '/api/v1/admin/users', { token: adminToken, body }));
  }

  async createGroup(
    adminToken: string,
    fields: {
      readonly name: string;
      readonly managerId: string;
      readonly settings?: Readonly<Record<string, unknown>>;
    },
  ): Promise<wire.Group> {
    return wire.group.parse(
      await this.expect(201, 'POST', '/api/v1/admin/groups', { token: adminToken, body: fields }),
    );
  }

  /** Adds or changes a member. */
  async putMember(
    adminToken: string,
    groupId: string,
    userId: string,
    fields: { readonly talk?: 'allowed' | 'listen_only' } = {},
  ): Promise<wire.Member> {
    const path = `/api/v1/admin/groups/${groupId}/members/${userId}`;
    return wire.member.parse(await this.expect(200, 'PUT', path, { token: adminToken, body: fields }));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
