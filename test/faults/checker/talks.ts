import type { EventLog, LoggedEvent } from './event-log.ts';
import type { Findings } from './report.ts';

/** A talk as it was announced. */
export interface AnnouncedTalk {
  readonly talkId: string;
  readonly groupId: string;
  readonly epoch: number;
  readonly speakerId: string | null;
  /** Null when only a snapshot told of it. */
  readonly started: LoggedEvent | null;
  readonly ends: LoggedEvent[];
  /** Another epoch of the group came after its own. */
  readonly isOfOldEpoch: boolean;
  /** Numbers after its start that nobody saw: its end may be among them. */
  mayHaveUnseenEnd: boolean;
}

/**
 * Walks through each group's log: within an epoch starts and ends alternate, an end names the start's talk, snapshots
 * tell what the log tells. Numbers that nobody saw leave open what happened there.
 */
export function followTalks(log: EventLog, findings: Findings): Map<string, AnnouncedTalk> {
  const talks = new Map<string, AnnouncedTalk>();
  for (const groupId of log.groups) {
    const epochs = log.epochs(groupId);
    epochs.forEach((epoch, index) => {
      const numbers = [...epoch.events.keys(), ...epoch.snapshots.keys()];
      const last = Math.max(...numbers);
      const first = Math.min(...numbers);
      /** The open talk, null for none, undefined when it cannot be known. */
      let open: string | null | undefined = first <= 1 ? null : undefined;
      const announce = (talkId: string, speakerId: string | null, started: LoggedEvent | null): AnnouncedTalk => {
        const known = talks.get(talkId);
        if (known !== undefined) return known;
        const isOfOldEpoch = index < epochs.length - 1;
        const talk = {
          talkId,
          groupId,
          epoch: epoch.number,
          speakerId,
          started,
          ends: [],
          isOfOldEpoch,
          mayHaveUnseenEnd: false,
        };
        talks.set(talkId, talk);
        return talk;
      };
      for (let seq = Math.min(first, 1); seq <= last; seq += 1) {
        const event = epoch.events.get(seq)?.event;
        const at = `${groupId} ${epoch.number}/${seq}`;
        if (event === undefined && seq > first) {
          if (typeof open === 'string') markUnseen(talks.get(open));
          open = undefined;
        } else if (event?.kind === 'started' && event.talkId !== null) {
          if (typeof open === 'string') {
            findings.add('one open talk', `${at}: ${event.talkId} starts while ${open} is open`);
          }
          if (talks.get(event.talkId)?.started) findings.add('one open talk', `${at}: ${event.talkId} starts twice`);
          announce(event.talkId, event.speakerId, event);
          open = event.talkId;
        } else if (event?.kind === 'ended' && event.talkId !== null) {
          if (open !== undefined && open !== event.talkId) {
            findings.add('one open talk', `${at}: ${event.talkId} ends while ${open ?? 'nothing'} is open`);
          }
          announce(event.talkId, event.speakerId, null).ends.push(event);
          open = null;
        }
        for (const { view, by } of epoch.snapshots.get(seq) ?? []) {
          if (open !== undefined && open !== view.talkId) {
            findings.add('views', `${by}: the snapshot at ${at} shows ${view.talkId}, the log ${open}`);
          }
          if (view.talkId !== null) announce(view.talkId, view.speakerId, null);
          open = view.talkId;
        }
      }
    });
  }
  for (const { talkId, ends, isOfOldEpoch, mayHaveUnseenEnd } of talks.values()) {
    if (ends.length > 1) findings.add('one end', `${talkId} ended ${ends.length} times`);
    if (ends.length === 0 && !isOfOldEpoch && !mayHaveUnseenEnd) findings.add('one end', `${talkId} never ended`);
  }
  return talks;
}

function markUnseen(talk: AnnouncedTalk | undefined): void {
  if (talk !== undefined) talk.mayHaveUnseenEnd = true;
}
