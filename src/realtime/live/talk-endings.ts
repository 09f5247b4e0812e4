import type { FloorActor, FloorAudit } from '../access.ts';
import type { Change, EndedTalk, FloorStore, WithdrawRightInput } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import type { Loss } from './absent-talkers.ts';
import type { LiveGroups } from './live-groups.ts';

export interface Revocation {
  readonly groupId: string;
  /** Null: whichever there is, a reservation too. */
  readonly talkId: string | null;
  readonly by: FloorActor;
  /** The talk that is recorded as revoked already. */
  readonly recordedTalkId?: string | null;
}

export interface TalkEndingsOptions {
  readonly groups: LiveGroups;
  readonly store: FloorStore;
  readonly audit: FloorAudit;
}

/** Ends talks that their talkers do not end: revoked, without sound, or without the right that they stood on. */
export class TalkEndings {
  readonly #options: TalkEndingsOptions;

  constructor(options: TalkEndingsOptions) {
    this.#options = options;
  }

  /**
   * Ends a talk from outside, and records who did. `answer` is called between the decision and what follows from it.
   * Throws `FloorStoreUnavailable` when the live store did not answer; the talk may have ended then.
   */
  async revoke(revocation: Revocation, answer: (ended: readonly EndedTalk[]) => void = () => undefined): Promise<void> {
    const { groupId, talkId, by, recordedTalkId = null } = revocation;
    const { groups, store, audit } = this.#options;
    const outcome = await store.end({ groupId, talkId, cause: 'revoked' }).catch((error: unknown) => {
      audit.revokeFailed({ by, groupId });
      throw error;
    });
    for (const talk of outcome.ended) {
      if (talk.talkId !== recordedTalkId) audit.talkRevoked({ by, groupId, ...talk });
    }
    answer(outcome.ended);
    groups.apply(groupId, outcome);
  }

  /** Ends a talk whose sound cannot be carried. Throws `FloorStoreUnavailable`; a talk of this process ends all the same. */
  async failMedia(groupId: string, talkId: string): Promise<void> {
    const { groups, store } = this.#options;
    const keeper = groups.keeper(groupId);
    if (keeper !== undefined) await keeper.failMedia(talkId);
    else groups.apply(groupId, await store.end({ groupId, talkId, cause: 'media_failed' }));
  }

  /** Ends what stood on a membership, a session or a right to talk; groups without members here are reached too. */
  async withdrawRight(input: WithdrawRightInput): Promise<void> {
    const step = (): Promise<Change> => this.#options.store.withdrawRight(input);
    const { groups } = this.#options;
    const keeper = groups.keeper(input.groupId);
    if (keeper === undefined) groups.withdrawals.begin(input.groupId, (await step()).withdraw);
    else await keeper.owe(`withdraw ${input.userId} ${input.sessionId ?? 'all'}`, step);
  }

  /**
   * A connection is not of the group any more: it hears nothing of it from now on, not even how its own talk ends.
   * `sessionId` null: with all sessions of its user.
   */
  async expel(connection: Connection, groupId: string, sessionId: string | null): Promise<void> {
    this.#options.groups.forget(groupId, connection);
    await this.withdrawRight({ groupId, userId: connection.user.id, sessionId, right: 'member' });
  }

  /** Ends the talks of this process whose socket is gone and whose right is gone too. */
  async endAbsent(loss: Loss): Promise<void> {
    const { userId, right } = loss;
    for (const { room } of this.#options.groups.keepers()) {
      const { groupId, honoured, members } = room;
      if (loss.groupId !== null && loss.groupId !== groupId) continue;
      for (const talk of [...honoured.values()]) {
        const concerns = talk.userId === userId && (loss.sessionId ?? talk.sessionId) === talk.sessionId;
        if (!concerns || members.has(talk.connectionId)) continue;
        await this.withdrawRight({ groupId, userId, sessionId: talk.sessionId, right });
      }
    }
  }

  /** The group is deleted: its talk ends, and all who are here are told so before they leave it. */
  async endGroup(groupId: string): Promise<void> {
    const { groups, store } = this.#options;
    const keeper = groups.keeper(groupId);
    if (keeper === undefined) return;
    await keeper.owe('end group', () => store.end({ groupId, talkId: null, cause: 'removed' }));
    await keeper.catchUp.done();
    for (const { connection, member } of [...keeper.room.members.values()]) {
      groups.forget(groupId, connection);
      await this.withdrawRight({ groupId, userId: member.userId, sessionId: member.sessionId, right: 'member' });
    }
  }
}
