import type { Rest } from '../_support/rest.ts';
import type { GroupSeats } from './generator-messages.ts';

/** Enough that the two members of each of 50 groups are different people; ten sockets each fill a group of 1001. */
const USERS_AT_MOST = 101;
/** A login costs the server a password hash: more at a time than it has threads for does not help. */
const REQUESTS_AT_ONCE = 4;
const PASSWORD = 'nobody-knows-this-bench';
const DEVICE = { name: 'Bench', kind: 'other' };

/**
 * Accounts, groups and sessions at a running NEDA, made by its REST interface. Sessions grow as workloads need them and
 * are used again; each workload gets new groups. Session n belongs to user n modulo the number of users: in large
 * groups everyone is there with several devices.
 */
export class NedaSeats {
  readonly #rest: Rest;
  readonly #adminToken: string;
  readonly #userIds: string[] = [];
  readonly #sessionTokens: string[] = [];
  #groupCount = 0;

  constructor(rest: Rest, adminToken: string) {
    this.#rest = rest;
    this.#adminToken = adminToken;
  }

  /** Makes groups and a session for each seat. Rejects, naming the request, when the server refuses one. */
  async seatGroups(groups: number, seatsPerGroup: number): Promise<GroupSeats[]> {
    await this.#growTo(groups * seatsPerGroup);
    const made: GroupSeats[] = [];
    for (let group = 0; group < groups; group += 1) {
      const seats = range(group * seatsPerGroup, (group + 1) * seatsPerGroup);
      made.push({
        groupId: await this.#makeGroup(new Set(seats.map((seat) => itemAt(this.#userIds, seat % USERS_AT_MOST)))),
        tokens: seats.map((seat) => itemAt(this.#sessionTokens, seat)),
      });
    }
    return made;
  }

  async #growTo(seats: number): Promise<void> {
    const newUsers = range(this.#userIds.length, Math.min(seats, USERS_AT_MOST));
    const created = await inBatches(newUsers, (user) =>
      this.#rest.createUser(this.#adminToken, { username: usernameOf(user), password: PASSWORD }),
    );
    this.#userIds.push(...created.map(({ id }) => id));

    const newSessions = range(this.#sessionTokens.length, seats);
    const logins = await inBatches(newSessions, (session) =>
      this.#rest.login(usernameOf(session % USERS_AT_MOST), PASSWORD, DEVICE),
    );
    this.#sessionTokens.push(...logins.map(({ accessToken }) => accessToken));
  }

  async #makeGroup(userIds: ReadonlySet<string>): Promise<string> {
    this.#groupCount += 1;
    const [managerId, ...memberIds] = userIds;
    if (managerId === undefined) throw new RangeError('a group needs a manager');
    const { id } = await this.#rest.createGroup(this.#adminToken, { name: `Bench ${this.#groupCount}`, managerId });
    await inBatches(memberIds, (userId) => this.#rest.putMember(this.#adminToken, id, userId));
    return id;
  }
}

function usernameOf(index: number): string {
  return `bench-${index}`;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no item ${index}`);
  return item;
}

async function inBatches<T, R>(items: readonly T[], perform: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += REQUESTS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + REQUESTS_AT_ONCE).map(perform))));
  }
  return results;
}
