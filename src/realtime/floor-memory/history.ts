import type { FloorHistorySource, GroupLife, HistoryEntry, HistoryRecord, LostTalk } from '../floor/index.ts';

type LiveGroup = Pick<GroupLife, 'voiceSessionId' | 'participants'>;

/** Records of this process's groups in the order in which they were made. What is not confirmed when it stops is lost. */
export class MemoryHistory implements FloorHistorySource {
  readonly #entries = new Map<string, HistoryEntry>();
  readonly #lifeOf: (groupId: string) => LiveGroup;
  #lastId = 0;

  /** `lifeOf`: the group as it is live now. */
  constructor(lifeOf: (groupId: string) => LiveGroup = () => ({ voiceSessionId: null, participants: 0 })) {
    this.#lifeOf = lifeOf;
  }

  add(groupId: string, record: HistoryRecord): void {
    this.#lastId += 1;
    const recordId = String(this.#lastId);
    this.#entries.set(recordId, { groupId, recordId, record });
  }

  async pending(limit: number): Promise<readonly HistoryEntry[]> {
    const first: HistoryEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (first.length >= limit) break;
      first.push(entry);
    }
    return first;
  }

  async note(talks: readonly LostTalk[]): Promise<void> {
    const nowMs = Date.now();
    for (const { groupId, startedAgoMs, endedAgoMs, ...talk } of talks) {
      const endMs = nowMs - endedAgoMs;
      const { userId } = talk.speaker;
      this.add(groupId, { kind: 'talk', ...talk, userId, startMs: nowMs - startedAgoMs, endMs, participants: 0 });
    }
  }

  async lives(groupIds: readonly string[]): Promise<readonly (GroupLife | null)[]> {
    const pending = new Set([...this.#entries.values()].map(({ groupId }) => groupId));
    const nowMs = Date.now();
    return groupIds.map((groupId) => ({ ...this.#lifeOf(groupId), hasPending: pending.has(groupId), nowMs }));
  }

  /** Recorded at the start of the process. */
  async recordLoss(): Promise<void> {}

  async confirm(entries: readonly HistoryEntry[]): Promise<void> {
    for (const { recordId } of entries) this.#entries.delete(recordId);
  }
}
