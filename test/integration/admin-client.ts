import { z } from 'zod';
import type { Rest, RestAnswer } from '../_support/rest.ts';
import type * as wire from '../_support/wire.ts';

export const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057';

export const page = z.looseObject({
  items: z.array(z.looseObject({ id: z.string().optional() })),
  nextCursor: z.string().nullable(),
});

let serial = 0;

/** What tests of the admin routes do again and again. Paths are below `/api/v1`. */
export class AdminClient {
  readonly #rest: Rest;
  /** Whose requests these are, when no other token is given. */
  token: string;

  constructor(rest: Rest, token: string) {
    this.#rest = rest;
    this.token = token;
  }

  makeUser(fields: { role?: string } = {}): Promise<wire.User> {
    serial += 1;
    return this.#rest.createUser(this.token, { username: `user-${serial}`, ...fields });
  }

  makeGroup(managerId: string): Promise<wire.Group> {
    serial += 1;
    return this.#rest.createGroup(this.token, { name: `Group ${serial}`, managerId });
  }

  send(method: string, path: string, body?: unknown, token = this.token): Promise<RestAnswer> {
    return this.#rest.request(method, `/api/v1${path}`, { token, ...(body === undefined ? {} : { body }) });
  }

  /** The code of the refusal. */
  async refused(status: number, method: string, path: string, body?: unknown): Promise<string> {
    const options = { token: this.token, ...(body === undefined ? {} : { body }) };
    return (await this.#rest.expectProblem(status, method, `/api/v1${path}`, options)).code;
  }

  /** All items of a list, page by page. */
  async all(path: string, token = this.token): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `${path.includes('?') ? '&' : '?'}limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const got = page.parse((await this.send('GET', path + query, undefined, token)).body);
      items.push(...got.items);
      cursor = got.nextCursor;
    }
    return items;
  }
}

export function ascending(left: number, right: number): number {
  return left - right;
}
