import {
  cancel,
  commit,
  type CommitAnswer,
  end,
  join,
  leave,
  publishers,
  type PublishersAnswer,
  release,
  renew,
  rightsCleared,
  snapshot,
  type SnapshotAnswer,
  withdrawals,
  withdrawRight,
} from './machine-decisions.ts';
import { Draft, type StepContext } from './machine-draft.ts';
import { request, type RequestAnswer } from './machine-request.ts';
import { dueInMs, settle } from './machine-settle.ts';
import type { GroupState } from './machine-state.ts';
import type { HistoryRecord } from './history-source.ts';
import type {
  CancelInput,
  Change,
  CommitInput,
  EndInput,
  EndOutcome,
  JoinInput,
  LeaveInput,
  ReleaseInput,
  RenewInput,
  RequestInput,
  SnapshotInput,
  WithdrawRightInput,
} from './store.ts';

export type { StepContext } from './machine-draft.ts';
export { emptyGroup, type GroupState, isForgettable, slotOf } from './machine-state.ts';

interface OfGroup {
  readonly groupId: string;
}

/** What can happen to a group, by kind: the steps of the `FloorStore` port. */
export interface FloorInputs {
  join: JoinInput;
  leave: LeaveInput;
  request: RequestInput;
  commit: CommitInput;
  cancel: CancelInput;
  release: ReleaseInput;
  end: EndInput;
  withdrawRight: WithdrawRightInput;
  rightsCleared: OfGroup & { readonly identities: readonly string[] };
  renew: RenewInput;
  settle: OfGroup;
  snapshot: SnapshotInput;
  publishers: OfGroup;
}

/** What each is answered, besides the `Change`. */
export interface FloorAnswers {
  join: SnapshotAnswer & { readonly voiceSessionId: string };
  leave: void;
  request: RequestAnswer;
  commit: CommitAnswer;
  cancel: void;
  release: { readonly released: boolean };
  end: Pick<EndOutcome, 'ended'>;
  withdrawRight: void;
  rightsCleared: void;
  renew: { readonly known: boolean };
  settle: void;
  snapshot: SnapshotAnswer;
  publishers: PublishersAnswer;
}

export type FloorEventKind = keyof FloorInputs;

export interface FloorEvent<K extends FloorEventKind> {
  readonly kind: K;
  readonly input: FloorInputs[K];
}

/** What has to happen outside when the new state is taken over; both lists in order. */
export interface StepEffects {
  /** Payloads for the group's channel (envelope.ts). */
  readonly published: readonly string[];
  /** For PostgreSQL. */
  readonly history: readonly HistoryRecord[];
}

export interface Step<K extends FloorEventKind> {
  readonly state: GroupState;
  readonly answer: Change & FloorAnswers[K];
  readonly effects: StepEffects;
}

type Decisions = { readonly [K in FloorEventKind]: (draft: Draft, input: FloorInputs[K]) => FloorAnswers[K] };

const decisions: Decisions = {
  join,
  leave,
  request,
  commit,
  cancel,
  release,
  end,
  withdrawRight,
  rightsCleared,
  renew,
  settle,
  snapshot,
  publishers,
};

/**
 * The floor of one group as a pure function: what is due happens, then one decision (floor.md "State table"). The
 * reference for every adapter of the port; `state` is not changed.
 * @param nowMs whole milliseconds of the store's clock, never less than in the step before
 */
export function step<K extends FloorEventKind>(
  state: GroupState,
  event: FloorEvent<K>,
  nowMs: number,
  context: StepContext,
): Step<K> {
  const draft = new Draft(state, event.input.groupId, context, nowMs);
  const decision: Decisions[K] = decisions[event.kind];
  const answer = decision(draft, event.input);
  const { published, history } = draft;
  const change: Change = {
    epoch: draft.life?.epoch ?? 0,
    seq: draft.life?.seq ?? 0,
    published,
    withdraw: withdrawals(draft),
    dueInMs: dueInMs(draft),
  };
  return { state: draft.result(), answer: { ...change, ...answer }, effects: { published, history } };
}
