import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type {
  CancelInput,
  Change,
  CommitInput,
  CommitOutcome,
  EndCause,
  EndInput,
  EndOutcome,
  FloorStore,
  FloorTimings,
  GroupSnapshot,
  JoinInput,
  JoinOutcome,
  LeaveInput,
  Publishers,
  ReleaseInput,
  ReleaseOutcome,
  RenewInput,
  RenewOutcome,
  RequestInput,
  RequestOutcome,
  SnapshotInput,
  WithdrawRightInput,
} from '../../../src/realtime/floor/index.ts';

/**
 * The floor as it is often written first: SET NX, GET and DEL from the application, and what it knows in variables. It
 * works for one person with one device on one process. Kept here to see that the checks find its mistakes; it makes all
 * of those that floor.md lists.
 */
export class NaiveFloorStore implements FloorStore {
  readonly kind = 'redis';
  readonly #redis: Redis;
  readonly #timings: FloorTimings;
  readonly #betweenMs: number;
  /** The user of each connection of this process. */
  readonly #users = new Map<string, string>();
  /** What this process has seen granted, by group. */
  readonly #talks = new Map<string, RequestInput>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** `betweenMs`: between a question to Redis and the next command; a process has other things to do. */
  constructor(redis: Redis, timings: FloorTimings, betweenMs: number) {
    this.#redis = redis;
    this.#timings = timings;
    this.#betweenMs = betweenMs;
  }

  async join({ groupId, member }: JoinInput): Promise<JoinOutcome> {
    this.#users.set(member.connectionId, member.userId);
    // By user: a second device takes the place of the first.
    await this.#redis.hset(`members:{${groupId}}`, member.userId, member.connectionId);
    await this.#redis.sadd(`presence:{${groupId}}`, member.userId);
    return { ...(await this.snapshot({ groupId, since: null })), voiceSessionId: '' };
  }

  async leave({ groupId, connectionId, how }: LeaveInput): Promise<Change> {
    const userId = this.#users.get(connectionId);
    if (userId === undefined) return nothing;
    await this.#redis.srem(`presence:{${groupId}}`, userId);
    return (await this.#redis.get(`speaker:{${groupId}}`)) === userId
      ? this.#free(groupId, how === 'left' ? 'released' : 'lost')
      : nothing;
  }

  async request(input: RequestInput): Promise<RequestOutcome> {
    const { groupId, member, emergency, policy } = input;
    const key = `speaker:{${groupId}}`;
    if ((await this.#redis.hget(`members:{${groupId}}`, member.userId)) !== member.connectionId) {
      return { ...nothing, status: 'not_joined' };
    }
    // The lease by the clock of whoever granted, looked at by the clock of whoever asks.
    const until = Number(await this.#redis.get(`until:{${groupId}}`));
    if (until > 0 && until < Date.now()) await this.#redis.del(key);
    if (emergency && (await this.#redis.exists(key))) {
      await this.#free(groupId, 'preempted');
      await pause(this.#betweenMs);
    }
    const taken = await this.#redis.set(key, member.userId, 'PX', this.#leaseOf(input), 'NX');
    if (taken === null) return { ...nothing, status: 'busy', holder: null };
    await this.#redis.set(`until:{${groupId}}`, Date.now() + this.#leaseOf(input));
    if (!input.oneStep) return { ...nothing, status: 'prepared', silence: null };
    const change = await this.#open(input);
    this.#timers.add(setTimeout(() => void this.#redis.del(key), policy.maxTalkMs));
    return { ...change, status: 'granted', grant: grantOf(input) };
  }

  async commit({ groupId, talkId }: CommitInput): Promise<CommitOutcome> {
    const userId = (await this.#redis.get(`asked:{${groupId}}:${talkId}`)) ?? 'somebody';
    await this.#redis.set(`speaker:{${groupId}}`, userId, 'PX', this.#timings.leaseMs);
    return { ...nothing, status: 'granted', grant: { talkId, streamId: 0, seq: 0, maxTalkMs: 0, remainingMs: 0 } };
  }

  async cancel({ groupId }: CancelInput): Promise<Change> {
    await this.#redis.del(`speaker:{${groupId}}`);
    return nothing;
  }

  async release({ groupId, connectionId }: ReleaseInput): Promise<ReleaseOutcome> {
    const holder = await this.#redis.get(`speaker:{${groupId}}`);
    // A member may let go of the floor; whose connection it is does not matter.
    const userId = this.#users.get(connectionId) ?? (await this.#userOf(groupId, connectionId));
    if (holder === null || holder !== userId) return { ...nothing, released: false };
    await pause(this.#betweenMs);
    return { ...(await this.#free(groupId, 'released')), released: true };
  }

  async end({ groupId, cause }: EndInput): Promise<EndOutcome> {
    return { ...(await this.#free(groupId, cause)), ended: [] };
  }

  /** Whoever is in is in. */
  async withdrawRight(_input: WithdrawRightInput): Promise<Change> {
    return nothing;
  }

  async rightsCleared(): Promise<void> {}

  /** The time to live is long enough. */
  async renew(_input: RenewInput): Promise<RenewOutcome> {
    return { ...nothing, known: true };
  }

  async settle(): Promise<Change> {
    return nothing;
  }

  async snapshot({ groupId }: SnapshotInput): Promise<GroupSnapshot> {
    const talk = this.#talks.get(groupId);
    const holder = await this.#redis.get(`speaker:{${groupId}}`);
    const isOpen = talk !== undefined && holder === talk.member.userId;
    return {
      ...nothing,
      talk: isOpen
        ? {
            talkId: talk.talkId,
            streamId: talk.streamId,
            speaker: talk.member,
            sessionId: talk.member.sessionId,
            emergency: talk.emergency,
            elapsedMs: 0,
            remainingMs: 0,
          }
        : null,
      presence: [],
      presenceCount: await this.#redis.scard(`presence:{${groupId}}`),
      connections: 0,
      missed: null,
    };
  }

  async publishers(): Promise<Publishers> {
    return { ...nothing, talk: null, reserved: null };
  }

  async liveGroups(): Promise<readonly string[]> {
    return [];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #userOf(groupId: string, connectionId: string): Promise<string | undefined> {
    const members = await this.#redis.hgetall(`members:{${groupId}}`);
    return Object.keys(members).find((user) => members[user] === connectionId);
  }

  #leaseOf({ oneStep }: RequestInput): number {
    return oneStep ? this.#timings.leaseMs : this.#timings.pendingMs;
  }

  async #open(input: RequestInput): Promise<Change> {
    const { groupId, talkId, member } = input;
    this.#talks.set(groupId, input);
    const payload = `1 E 1 0 started ${talkId} ${member.connectionId} 0 0\n{}`;
    await this.#redis.spublish(`group:{${groupId}}`, payload);
    return { ...nothing, published: [payload] };
  }

  async #free(groupId: string, cause: EndCause): Promise<Change> {
    await this.#redis.del(`speaker:{${groupId}}`, `until:{${groupId}}`);
    const talk = this.#talks.get(groupId);
    this.#talks.delete(groupId);
    if (talk === undefined) return nothing;
    const payload = `1 E 1 0 ended ${talk.talkId} ${talk.member.connectionId} ${cause} 0 0\n{}`;
    await this.#redis.spublish(`group:{${groupId}}`, payload);
    return { ...nothing, published: [payload] };
  }
}

const nothing: Change = { epoch: 1, seq: 0, published: [], withdraw: [], dueInMs: null };

function grantOf({ talkId, streamId, policy }: RequestInput) {
  return { talkId, streamId, seq: 0, maxTalkMs: policy.maxTalkMs, remainingMs: policy.maxTalkMs };
}
