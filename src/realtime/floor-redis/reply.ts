import type { Change, EndedTalk, FloorSpeaker, Grant, OpenTalk, Publisher } from '../floor/index.ts';
import { FloorStoreUnavailable } from '../floor/index.ts';

/** Reads what scripts return: {status, epoch, seq, now, dueInMs, withdraw, published, …own}. */
export class Reply {
  readonly status: string;
  /** Redis time in milliseconds when the script ran. */
  readonly nowMs: number;
  readonly change: Change;
  readonly #own: readonly unknown[];

  constructor(raw: unknown) {
    if (!Array.isArray(raw)) throw new FloorStoreUnavailable('A floor script answered in an unknown form');
    const fields: readonly unknown[] = raw;
    const [status, epoch, seq, nowMs, dueInMs, withdraw, published, ...own] = fields;
    this.status = String(status);
    this.nowMs = Number(nowMs);
    this.#own = own;
    this.change = {
      epoch: Number(epoch),
      seq: Number(seq),
      published: texts(published),
      withdraw: texts(withdraw),
      dueInMs: Number(dueInMs) < 0 ? null : Number(dueInMs),
    };
  }

  number(index: number): number {
    return Number(this.#own[index]);
  }

  text(index: number): string {
    const value = this.#own[index];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  }

  list(index: number): readonly string[] {
    return texts(this.#own[index]);
  }

  /** A list, or null where the script put an empty text for "none". */
  listOrNull(index: number): readonly string[] | null {
    return Array.isArray(this.#own[index]) ? texts(this.#own[index]) : null;
  }

  grant(): Grant {
    return {
      talkId: this.text(0),
      streamId: this.number(1),
      seq: this.number(2),
      maxTalkMs: this.number(3),
      remainingMs: this.number(4),
    };
  }

  endedTalks(index: number): readonly EndedTalk[] {
    const pairs = this.#own[index];
    if (!Array.isArray(pairs)) return [];
    return pairs.map(texts).map(([talkId = '', userId = '']) => ({ talkId, userId }));
  }

  /** Of a pair talk id, identity; null for an empty list. */
  publisher(index: number): Publisher | null {
    const [talkId, identity = ''] = this.list(index);
    return talkId === undefined ? null : { talkId, identity: identity === '' ? null : identity };
  }

  openTalk(index: number): OpenTalk | null {
    const fields = this.list(index);
    const [talkId, streamId, speaker = '', sessionId = '', emergency, elapsedMs, remainingMs] = fields;
    if (talkId === undefined) return null;
    return {
      talkId,
      streamId: Number(streamId),
      speaker: readSpeaker(speaker) ?? { userId: '', displayName: '' },
      sessionId,
      emergency: emergency === '1',
      elapsedMs: Number(elapsedMs),
      remainingMs: Number(remainingMs),
    };
  }
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Reads a speaker's JSON text; null for an empty one. */
export function readSpeaker(text: string): FloorSpeaker | null {
  if (text === '') return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('userId' in value) || !('displayName' in value)) return null;
  return { userId: String(value.userId), displayName: String(value.displayName) };
}

/** Whether a script refused to act because a later release wrote the group's state in a format that it cannot read. */
export function isOfNewerFormat(raw: unknown): boolean {
  return Array.isArray(raw) && raw[0] === 'newer_format';
}

/** Whether a script refused to act for a process that knows only an older life of the store. */
export function isStale(raw: unknown): boolean {
  return Array.isArray(raw) && raw[0] === 'stale_generation';
}
