import type { FloorHistorySource, HistoryEntry, HistoryRecord, LostTalk } from '../floor/index.ts';

/** Records of this process's groups in the order in which they were made. What is not confirmed when it stops is lost. */
export class MemoryHistory implements FloorHistorySource {
  readonly #entries = new Map<string, HistoryEntry>();
  #lastId = 0;

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
      const { voiceSessionId, speaker } = talk;
      const endMs = nowMs - endedAgoMs;
      const { userId } = speaker;
      this.add(groupId, { kind: 'talk', ...talk, userId, startMs: nowMs - startedAgoMs, endMs, participants: 0 });
      this.add(groupId, { kind: 'closed', voiceSessionId, endMs, participants: 0 });
    }
  }

  async confirm(entries: readonly HistoryEntry[]): Promise<void> {
    for (const { recordId } of entries) this.#entries.delete(recordId);
  }
}
