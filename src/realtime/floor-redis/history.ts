import { readFileSync } from 'node:fs';
import { type RedisLinks, redisScript } from '../../infra/redis.ts';
import {
  type FloorHistorySource,
  type FloorSpeaker,
  FloorStoreUnavailable,
  type GroupLife,
  type HistoryEntry,
  type HistoryRecord,
  isEndCause,
  type LostTalk,
} from '../floor/index.ts';
import { groupIdOf, groupKeys, historyKey, historyPattern } from '../redis-keys.ts';
import { readSpeaker } from './reply.ts';

/** Of the records that this release reads; one of format 1 does not say so. */
const HISTORY_FORMAT = 1;
/** The writer waits this long for a Redis that says nothing. */
const SILENCE_MS = 5_000;
/** Whoever only looks waits this long. */
const LOOK_SILENCE_MS = 1_000;
/** Groups that are looked at in one go: what decides meanwhile hardly waits. */
const LOOKS_AT_ONCE = 50;
/** Keys that one look of the slow scan passes over. */
const SCAN_COUNT = 500;
/** Streams that are read at a time. */
const GROUPS_AT_ONCE = 16;

// Confirming frees memory: it may run when there is none left.
const confirmScript = redisScript(`#!lua flags=allow-oom\n${luaOf('history-confirm')}`);
const lifeScript = redisScript(`#!lua flags=no-writes\n${luaOf('history-life')}`);
const noteScript = redisScript(luaOf('history-note'));

/**
 * The history streams of all groups. Those that a step of this process added to are known by `touched`; the others,
 * of processes that died, are found by a scan that takes one short look at each primary at each `pending`. While some
 * primaries are away the streams of the others go on.
 */
export class RedisHistorySource implements FloorHistorySource {
  readonly #links: RedisLinks;
  readonly #keyPrefix: string;
  readonly #meet: (groupId: string) => Promise<void>;
  /** Groups that may have a stream; whoever was read goes to the end. */
  readonly #groups = new Set<string>();
  /** Where the scan of each primary stands. */
  readonly #cursors = new Map<string, string>();

  /** `meet` makes sure which life of the store has a group (floor.md "Epochs"). */
  constructor(links: RedisLinks, keyPrefix: string, meet: (groupId: string) => Promise<void> = async () => undefined) {
    this.#links = links;
    this.#keyPrefix = keyPrefix;
    this.#meet = meet;
  }

  /** A step just ended a talk, opened or closed this group: its stream is worth a look. */
  touched(groupId: string): void {
    this.#groups.add(groupId);
  }

  async pending(limit: number): Promise<readonly HistoryEntry[]> {
    await this.#look();
    const entries: HistoryEntry[] = [];
    const groups = [...this.#groups];
    for (let start = 0; start < groups.length && entries.length < limit; start += GROUPS_AT_ONCE) {
      const some = groups.slice(start, start + GROUPS_AT_ONCE);
      const found = await answersOf(some.map((groupId) => this.#read(groupId, limit)));
      entries.push(...found.flat());
    }
    return entries.slice(0, limit);
  }

  async confirm(entries: readonly HistoryEntry[]): Promise<void> {
    const byGroup = Map.groupBy(entries, (entry) => entry.groupId);
    await Promise.all(
      [...byGroup].map(([groupId, some]) =>
        this.#answered(
          this.#links.run(
            SILENCE_MS,
            confirmScript,
            [historyKey(this.#keyPrefix, groupId)],
            some.flatMap(({ recordId, record }) => [recordId, subjectOf(record)]),
          ),
        ),
      ),
    );
  }

  async note(talks: readonly LostTalk[]): Promise<void> {
    const byGroup = Map.groupBy(talks, (talk) => talk.groupId);
    await Promise.all(
      [...byGroup].map(async ([groupId, some]) => {
        const key = historyKey(this.#keyPrefix, groupId);
        await this.#answered(
          this.#links.run(
            SILENCE_MS,
            noteScript,
            [key],
            some.flatMap((talk) => wordsOf(talk)),
          ),
        );
        this.touched(groupId);
      }),
    );
  }

  async lives(groupIds: readonly string[]): Promise<readonly (GroupLife | null)[]> {
    const lives: (GroupLife | null)[] = [];
    for (let start = 0; start < groupIds.length; start += LOOKS_AT_ONCE) {
      const some = groupIds.slice(start, start + LOOKS_AT_ONCE);
      const answers = await Promise.allSettled(some.map((groupId) => this.#lifeOf(groupId)));
      lives.push(...answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : null)));
      if (answers.every(({ status }) => status === 'rejected')) break;
    }
    return groupIds.map((_, index) => lives[index] ?? null);
  }

  async #lifeOf(groupId: string): Promise<GroupLife> {
    const keys = groupKeys(this.#keyPrefix, groupId);
    const raw: unknown = await this.#links.run(LOOK_SILENCE_MS, lifeScript, keys, []);
    const answer: readonly unknown[] = Array.isArray(raw) ? raw : [];
    const [voiceSessionId, participants, pending, nowMs] = answer;
    if (typeof voiceSessionId !== 'string') throw new FloorStoreUnavailable('The group was not answered');
    return {
      voiceSessionId: voiceSessionId === '' ? null : voiceSessionId,
      participants: Number(participants),
      hasPending: Number(pending) > 0,
      nowMs: Number(nowMs),
    };
  }

  async recordLoss(groupId: string): Promise<void> {
    await this.#answered(this.#meet(groupId));
  }

  /** One look of the scan at each primary; in time it passes over all keys. */
  async #look(): Promise<void> {
    const pattern = historyPattern(this.#keyPrefix);
    await answersOf(
      this.#links.primaries.map(async (primary) => {
        const cursor = this.#cursors.get(primary.address) ?? '0';
        const [next, keys] = await this.#answered(
          primary.send(SILENCE_MS, (redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)),
        );
        for (const key of keys) this.#groups.add(groupIdOf(key));
        this.#cursors.set(primary.address, next);
      }),
    );
  }

  /** A group without a stream is forgotten, unless it is touched while it is read. */
  async #read(groupId: string, limit: number): Promise<HistoryEntry[]> {
    this.#groups.delete(groupId);
    const entries: HistoryEntry[] = [];
    let from = '-';
    try {
      for (;;) {
        const key = historyKey(this.#keyPrefix, groupId);
        const found = await this.#answered(
          this.#links.send(SILENCE_MS, key, (redis) => redis.xrange(key, from, '+', 'COUNT', limit)),
        );
        const last = found.at(-1)?.[0];
        if (last === undefined) return entries;
        this.#groups.add(groupId);
        for (const [recordId, fields] of found) {
          const record = readHistoryRecord(fields);
          if (record !== null) entries.push({ groupId, recordId, record });
        }
        if (entries.length > 0 || found.length < limit) return entries;
        from = `(${last}`;
      }
    } catch (error) {
      this.#groups.add(groupId);
      throw error;
    }
  }

  async #answered<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      throw new FloorStoreUnavailable('The history was not answered', { cause: error });
    }
  }
}

function luaOf(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}

function wordsOf(talk: LostTalk): (string | number)[] {
  const { talkId, voiceSessionId, speaker, emergency, cause, startedAgoMs, endedAgoMs } = talk;
  return [
    talkId,
    voiceSessionId,
    speaker.userId,
    JSON.stringify(speaker),
    emergency ? '1' : '0',
    cause,
    startedAgoMs,
    endedAgoMs,
  ];
}

/** What was answered; rejects when nothing was. */
async function answersOf<T>(questions: readonly Promise<T>[]): Promise<T[]> {
  const answers = await Promise.allSettled(questions);
  const good = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed !== undefined && good.length === 0) throw failed.reason;
  return good;
}

/**
 * Reads the words of a stream entry: kind, voice, start, end, and of a talk also talk, user, speaker, emergency and
 * cause. Null for a record of a kind, or with a `format`, that this release does not know: it stays for one that does.
 */
function readHistoryRecord(fields: readonly string[]): HistoryRecord | null {
  const words = new Map<string, string>();
  for (let index = 0; index < fields.length; index += 2) words.set(fields[index] ?? '', fields[index + 1] ?? '');
  if (Number(words.get('format') ?? HISTORY_FORMAT) > HISTORY_FORMAT) return null;
  const kind = words.get('kind');
  const voiceSessionId = words.get('voice') ?? '';
  const startMs = Number(words.get('start'));
  const endMs = Number(words.get('end'));
  const participants = Number(words.get('participants') ?? 0);
  if (kind === 'opened') return { kind, voiceSessionId, startMs };
  if (kind === 'closed') return { kind, voiceSessionId, endMs, participants };
  if (kind !== 'talk') return null;
  const cause = words.get('cause') ?? '';
  const speaker = tryToReadSpeaker(words.get('speaker') ?? '');
  if (!isEndCause(cause) || speaker === null) return { kind: 'unreadable', words: Object.fromEntries(words) };
  return {
    kind,
    talkId: words.get('talk') ?? '',
    voiceSessionId,
    userId: words.get('user') ?? '',
    speaker,
    emergency: words.get('emergency') === '1',
    startMs,
    endMs,
    cause,
    participants,
  };
}

/** What a record is about: a word of its entry, by which it is confirmed. */
function subjectOf(record: HistoryRecord): string {
  if (record.kind === 'unreadable') return record.words['talk'] ?? 'talk';
  return record.kind === 'talk' ? record.talkId : record.voiceSessionId;
}

function tryToReadSpeaker(text: string): FloorSpeaker | null {
  try {
    return readSpeaker(text);
  } catch {
    return null;
  }
}
