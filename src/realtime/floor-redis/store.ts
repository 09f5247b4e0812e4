import type { RedisLinks } from '../../infra/redis.ts';
import type {
  CancelInput,
  Change,
  CommitInput,
  CommitOutcome,
  EndInput,
  EndOutcome,
  FloorStore,
  FloorTimings,
  GroupSnapshot,
  JoinInput,
  JoinOutcome,
  LeaveInput,
  LogPosition,
  Publishers,
  ReleaseInput,
  ReleaseOutcome,
  RenewInput,
  RenewOutcome,
  RequestInput,
  RequestOutcome,
  SnapshotInput,
  WithdrawRightInput,
} from '../floor/index.ts';
import { FloorStoreUnavailable, floorTimings, SNAPSHOT_PRESENCE_LIMIT } from '../floor/index.ts';
import { groupChannel, groupIdOf, groupKeys, liveGroupPattern, placeOfGroup } from '../redis-keys.ts';
import { isOfNewerFormat, isStale, readSpeaker, Reply } from './reply.ts';
import { type FloorScripts, readScripts, type ScriptName } from './scripts.ts';

/** New work is refused when Redis is silent for this long (floor.md invariant 6). */
const NEW_WORK_SILENCE_MS = 300;
/** What ends or renews something waits longer: it is worth more than a quick answer. */
const KEEPING_SILENCE_MS = 5_000;
/** Keys that one step of a scan looks at. */
const SCAN_COUNT = 500;
/** A request that Redis meets this long after it was sent is void. */
const REQUEST_LIFE_MS = 1_000;
/** The estimate of Redis time follows a clock that steps back by this much a reply; late replies only lower it. */
const OFFSET_DECAY_MS = 1;

/** The life of the live store that scripts must not act against (floor.md "Epochs"). */
export interface StoreLife {
  readonly generation: number;
  /** Redis time in milliseconds until which nothing is granted; 0 = at once. */
  readonly quietUntilMs: number;
}

export interface RedisFloorStoreOptions {
  readonly links: RedisLinks;
  readonly keyPrefix: string;
  /** Names this process in leases; unique for each start. */
  readonly processId: string;
  /** The life of the part of the store that has this group. */
  readonly life: (groupId: string) => StoreLife;
  /**
   * Finds out which life that is: before a group is made live in it, and when a script was refused because the group
   * belongs to a later one than `refused`. Left out: `life` is always right. Throws when that cannot be known.
   */
  readonly meet?: (groupId: string, refused?: number) => Promise<void>;
  /** A step of this process has ended a talk, and so added to the group's history. */
  readonly onNoted?: (groupId: string) => void;
  readonly timings?: FloorTimings;
}

/** The line of an event that ends a talk (envelope.ts). */
const ENDED_LINE = /^1 E \d+ \d+ ended /;

/** The floor in Redis (≥ 7.0, standalone or Cluster): one Lua script a decision, all keys of a group in one slot. */
export class RedisFloorStore implements FloorStore {
  readonly kind = 'redis';
  readonly #options: RedisFloorStoreOptions;
  readonly #scripts: FloorScripts;
  /**
   * Redis time minus this process's monotonic clock, as of the last reply, by primary and life: no two Redis clocks are
   * compared.
   */
  readonly #clockOffsetsMs = new Map<string, number>();

  constructor(options: RedisFloorStoreOptions) {
    this.#options = options;
    this.#scripts = readScripts(options.timings ?? floorTimings);
  }

  async join(input: JoinInput): Promise<JoinOutcome> {
    const { meet } = this.#options;
    let reply = await this.#join(input, meet === undefined);
    if (reply.status === 'not_live' && meet !== undefined) {
      // The group may be new, or the store may have lost everything: what is opened belongs to the right life.
      await this.#answered('meet', meet(input.groupId));
      reply = await this.#join(input, true);
    }
    return { ...snapshotOf(reply), voiceSessionId: reply.text(5) };
  }

  async #join(input: JoinInput, mayOpen: boolean): Promise<Reply> {
    const { member } = input;
    const person = JSON.stringify({ userId: member.userId, displayName: member.displayName, role: member.role });
    return this.#run('join', input.groupId, NEW_WORK_SILENCE_MS, [
      member.sessionId,
      member.connectionId,
      member.userId,
      member.talk,
      person,
      input.voiceSessionId,
      ...position(input.since),
      SNAPSHOT_PRESENCE_LIMIT,
      input.afterEpoch ?? 0,
      flag(input.again ?? false),
      flag(mayOpen),
    ]);
  }

  async leave(input: LeaveInput): Promise<Change> {
    const reply = await this.#run('leave', input.groupId, KEEPING_SILENCE_MS, [
      input.sessionId,
      input.connectionId,
      input.how,
    ]);
    return reply.change;
  }

  async request(input: RequestInput): Promise<RequestOutcome> {
    const { member, policy } = input;
    const reply = await this.#run(
      'request',
      input.groupId,
      NEW_WORK_SILENCE_MS,
      [
        flag(input.oneStep),
        member.sessionId,
        member.connectionId,
        member.userId,
        member.role,
        JSON.stringify({ userId: member.userId, displayName: member.displayName }),
        input.talkId,
        input.token,
        input.streamId,
        input.identity ?? '',
        flag(input.queue),
        flag(input.emergency),
        policy.maxTalkMs,
        policy.contendedTalkMs,
        policy.queueLimit,
        policy.cooldownMs,
        flag(policy.managerPreempts),
        flag(policy.emergency === 'allowed'),
      ],
      this.#voidAfterMs(input.groupId),
    );
    const { change, status } = reply;
    switch (status) {
      case 'granted':
      case 'repeated':
        return { ...change, status, grant: reply.grant() };
      case 'prepared':
        return { ...change, status, silence: reply.text(0) === '' ? null : reply.text(0) };
      case 'in_progress':
      case 'listen_only':
      case 'not_joined':
        return { ...change, status };
      case 'queued':
        return { ...change, status, position: reply.number(0) };
      case 'busy':
      case 'queue_full':
        return { ...change, status, holder: readSpeaker(reply.text(0)) };
      case 'cooldown':
      case 'quiet':
        return { ...change, status, retryAfterMs: reply.number(0) };
      default:
        throw new FloorStoreUnavailable(`The request was not taken: ${status}`);
    }
  }

  async commit(input: CommitInput): Promise<CommitOutcome> {
    const { policy } = input;
    const reply = await this.#run('commit', input.groupId, NEW_WORK_SILENCE_MS, [
      input.talkId,
      input.token,
      policy.maxTalkMs,
      policy.contendedTalkMs,
      policy.cooldownMs,
    ]);
    if (reply.status === 'granted') return { ...reply.change, status: 'granted', grant: reply.grant() };
    return { ...reply.change, status: 'refused', cause: refusalCause(reply.text(0)) };
  }

  async cancel(input: CancelInput): Promise<Change> {
    const reply = await this.#run('cancel', input.groupId, KEEPING_SILENCE_MS, [
      input.talkId,
      input.token,
      input.silenced ?? '',
      input.rightGiven ? 1 : 0,
    ]);
    return reply.change;
  }

  async release(input: ReleaseInput): Promise<ReleaseOutcome> {
    const reply = await this.#run('release', input.groupId, KEEPING_SILENCE_MS, [
      input.sessionId,
      input.connectionId,
      input.talkId ?? '',
    ]);
    return { ...reply.change, released: reply.status === 'released' };
  }

  async end(input: EndInput): Promise<EndOutcome> {
    const reply = await this.#run('end', input.groupId, KEEPING_SILENCE_MS, [input.talkId ?? '', input.cause]);
    return { ...reply.change, ended: reply.endedTalks(0) };
  }

  async withdrawRight(input: WithdrawRightInput): Promise<Change> {
    const reply = await this.#run('withdraw-right', input.groupId, KEEPING_SILENCE_MS, [
      input.userId,
      input.sessionId ?? '',
      input.right,
    ]);
    return reply.change;
  }

  async rightsCleared(input: { groupId: string; identities: readonly string[] }): Promise<void> {
    await this.#run('rights-cleared', input.groupId, KEEPING_SILENCE_MS, [...input.identities]);
  }

  async renew(input: RenewInput): Promise<RenewOutcome> {
    const reply = await this.#run('renew', input.groupId, KEEPING_SILENCE_MS, [
      `,${input.honouredTalkIds.join(',')},`,
      input.members,
    ]);
    return { ...reply.change, known: reply.status === 'renewed' };
  }

  async settle(input: { groupId: string }): Promise<Change> {
    const reply = await this.#run('settle', input.groupId, KEEPING_SILENCE_MS, []);
    return reply.change;
  }

  async snapshot(input: SnapshotInput): Promise<GroupSnapshot> {
    const reply = await this.#run('snapshot', input.groupId, KEEPING_SILENCE_MS, [
      ...position(input.since),
      SNAPSHOT_PRESENCE_LIMIT,
    ]);
    return snapshotOf(reply);
  }

  async publishers(input: { groupId: string }): Promise<Publishers> {
    const reply = await this.#run('publishers', input.groupId, NEW_WORK_SILENCE_MS, []);
    const reserved = reply.publisher(1);
    return {
      ...reply.change,
      talk: reply.publisher(0),
      reserved: reserved && { ...reserved, over: reply.text(2) === '' ? null : reply.text(2) },
    };
  }

  async liveGroups(): Promise<readonly string[]> {
    const { links, keyPrefix } = this.#options;
    const groups = new Set<string>();
    const scans = await Promise.allSettled(
      links.primaries.map(async (primary) => {
        let cursor = '0';
        do {
          const [next, keys] = await primary.send(KEEPING_SILENCE_MS, (redis) =>
            redis.scan(cursor, 'MATCH', liveGroupPattern(keyPrefix), 'COUNT', SCAN_COUNT),
          );
          for (const key of keys) groups.add(groupIdOf(key));
          cursor = next;
        } while (cursor !== '0');
      }),
    );
    const failed = scans.find((scan) => scan.status === 'rejected');
    // Groups of the primaries that answer do not wait for the others.
    if (failed !== undefined && scans.every((scan) => scan.status === 'rejected')) {
      throw new FloorStoreUnavailable('liveGroups was not answered', { cause: failed.reason });
    }
    return [...groups];
  }

  /** The links belong to whoever made them. */
  async close(): Promise<void> {}

  async #run(
    name: ScriptName,
    groupId: string,
    silenceMs: number,
    own: readonly (string | number)[],
    voidAfterMs = 0,
  ): Promise<Reply> {
    const { links, keyPrefix, processId, meet } = this.#options;
    const keys = groupKeys(keyPrefix, groupId);
    const send = async (): Promise<{ raw: unknown; generation: number }> => {
      const { generation, quietUntilMs } = this.#options.life(groupId);
      const common = [groupId, groupChannel(keyPrefix, groupId), processId, generation, voidAfterMs, quietUntilMs];
      const script = links.run(silenceMs, this.#scripts[name], keys, [...common, ...own]);
      return { raw: await this.#answered(name, script), generation };
    };
    let { raw, generation } = await send();
    if (isStale(raw) && meet !== undefined) {
      // The script did nothing: the store is in a newer life, and the step belongs to that one.
      await this.#answered('meet', meet(groupId, generation));
      ({ raw, generation } = await send());
    }
    if (isStale(raw)) throw new FloorStoreUnavailable('The live store has moved on to a newer generation');
    if (isOfNewerFormat(raw)) {
      throw new FloorStoreUnavailable(
        `A later release keeps group ${groupId} in a format that this one cannot read, and nothing was changed: run that release, or the one before it, in the place of this one`,
      );
    }
    const reply = new Reply(raw);
    const clock = this.#clockOf(groupId);
    const offsetMs = reply.nowMs - performance.now();
    const knownMs = this.#clockOffsetsMs.get(clock) ?? offsetMs;
    this.#clockOffsetsMs.set(clock, Math.max(offsetMs, knownMs - OFFSET_DECAY_MS));
    if (reply.change.published.some((payload) => ENDED_LINE.test(payload))) this.#options.onNoted?.(groupId);
    return reply;
  }

  async #answered<T>(name: string, command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      throw new FloorStoreUnavailable(`${name} was not answered`, { cause: error });
    }
  }

  /** Names the clock that a group's scripts take the time from. */
  #clockOf(groupId: string): string {
    const { links, keyPrefix, life } = this.#options;
    return `${links.primaryOf(placeOfGroup(keyPrefix, groupId))?.address} ${life(groupId).generation}`;
  }

  /** A request that Redis meets later than this was given up: it must not grant any more. */
  #voidAfterMs(groupId: string): number {
    const offsetMs = this.#clockOffsetsMs.get(this.#clockOf(groupId));
    if (offsetMs === undefined) return 0;
    return Math.ceil(performance.now() + offsetMs + REQUEST_LIFE_MS);
  }
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

function position(since: LogPosition | null): [number, number] {
  return since === null ? [-1, 0] : [since.epoch, since.seq];
}

function snapshotOf(reply: Reply): GroupSnapshot {
  return {
    ...reply.change,
    talk: reply.openTalk(0),
    presence: reply.list(1),
    presenceCount: reply.number(2),
    missed: reply.listOrNull(3),
    connections: reply.number(4),
  };
}

function refusalCause(text: string): 'void' | 'released' | 'not_joined' | 'listen_only' | 'busy' {
  return text === 'released' || text === 'not_joined' || text === 'listen_only' || text === 'busy' ? text : 'void';
}
