import type { FloorAudit } from '../access.ts';
import { type EndedEnvelope, generationOf, type JoinOutcome, type StartedEnvelope } from '../floor/index.ts';
import { serverMessages } from '../protocol/index.ts';
import type { AwaitedGrant, Room } from './room.ts';
import type { LedgerTalk, TalkLedger } from './talk-ledger.ts';
import type { FloorTelemetry } from './telemetry.ts';

const startedTalk = serverMessages.TALK_STARTED.pick({ speaker: true, emergency: true });

export interface TalkRecordsOptions {
  readonly telemetry: FloorTelemetry;
  readonly audit: FloorAudit;
  readonly ledger: TalkLedger;
}

/** Writes down the talks of one group: for operators, for the audit, and for a live store that has lost them. */
export class TalkRecords {
  readonly #room: Room;
  readonly #options: TalkRecordsOptions;
  /** The one that this process joined last. */
  #voiceSessionId: string | null = null;

  constructor(room: Room, options: TalkRecordsOptions) {
    this.#room = room;
    this.#options = options;
  }

  /** Where a join has arrived: the voice session, and the talk that is open in it. */
  arrived({ epoch, voiceSessionId, talk }: JoinOutcome): void {
    this.#voiceSessionId = voiceSessionId;
    if (talk !== null) this.#remember(epoch, { ...talk, describe: () => talk });
  }

  /** `grant`: what announced the talk to a talker of this process, else null. */
  started(event: StartedEnvelope, grant: AwaitedGrant | null): void {
    const { talkId, epoch, bytes } = event;
    if (event.emergency) this.#recordEmergency(event, grant);
    this.#remember(epoch, { talkId, elapsedMs: 0, describe: () => startedTalk.parse(JSON.parse(bytes)) });
    if (grant === null) return;
    const { telemetry } = this.#options;
    telemetry.talkRequested({ outcome: 'granted', tookMs: performance.now() - grant.askedAtMs });
    telemetry.talkStarted({ groupId: this.#room.groupId, talkId, userId: grant.connection.user.id });
  }

  /** `wasHonoured`: the talk was one of this process. */
  ended({ talkId, cause, durationMs }: EndedEnvelope, wasHonoured: boolean): void {
    const { ledger, telemetry } = this.#options;
    ledger.ended(talkId, cause);
    if (wasHonoured) telemetry.talkEnded({ groupId: this.#room.groupId, talkId, cause, durationMs });
  }

  /** The talker's process records it, also when nobody waits for the grant any more. */
  #recordEmergency({ talkId, connectionId }: StartedEnvelope, grant: AwaitedGrant | null): void {
    const { groupId, members } = this.#room;
    const talker = grant?.connection ?? members.get(connectionId)?.connection;
    if (talker === undefined) return;
    const by = { userId: talker.user.id, requestId: talker.requestId };
    this.#options.audit.emergencyGranted({ by, groupId, talkId });
  }

  /** Where nobody of this process is, the voice session may be another by now: its talks are left to those who are. */
  #remember(epoch: number, talk: Pick<LedgerTalk, 'talkId' | 'elapsedMs' | 'describe'>): void {
    const { groupId, members } = this.#room;
    const voiceSessionId = this.#voiceSessionId;
    if (voiceSessionId === null || members.size === 0) return;
    const { talkId, elapsedMs, describe } = talk;
    const generation = generationOf(epoch);
    this.#options.ledger.started({ groupId, voiceSessionId, talkId, generation, elapsedMs, describe });
  }
}
