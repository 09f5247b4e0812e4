import type { ServerMessage } from '../../_support/wire.ts';
import type { ConnectionRecord } from './history.ts';
import type { EventLog } from './event-log.ts';
import type { Findings } from './report.ts';
import { describeView, type View, viewAfter, viewOfSnapshot } from './view.ts';

const NUMBERED = new Set(['TALK_STARTED', 'TALK_ENDED', 'PRESENCE_CHANGED', 'TALK_GRANTED']);

/**
 * Reads what one connection was told, in its order: numbers without a gap after a snapshot, nothing of groups that it
 * has not joined or has left. Writes every event and snapshot into the log and returns its last views by group.
 */
export function readConnection(
  connection: ConnectionRecord,
  log: EventLog,
  findings: Findings,
): ReadonlyMap<string, View> {
  const views = new Map<string, View>();
  const asked = new Set<string>();
  const since = new Map<string, { readonly epoch: number; readonly seq: number }>();
  for (const { id, type, fields } of connection.sent) {
    if (type !== 'JOIN_GROUP') continue;
    asked.add(String(fields['groupId']));
    const position = positionOf(fields['since']);
    if (position !== null) since.set(id, position);
  }
  const wrong = (detail: string): void => findings.add('order', `${connection.name}: ${detail}`);

  for (const { atMs, message } of connection.received) {
    const { groupId, type } = message;
    if (groupId === undefined) continue;
    if (type === 'GROUP_JOINED' || type === 'GROUP_STATE') {
      const before = views.get(groupId);
      const view = viewOfSnapshot(message);
      if (before !== undefined && isBehind(view, before)) {
        wrong(`${type} ${place(view)} comes after ${place(before)}`);
      }
      if (type === 'GROUP_STATE' && before === undefined) wrong(`GROUP_STATE ${place(view)} of a group not joined`);
      checkMissed(connection, message, since.get(message.re ?? '') ?? null, findings);
      for (const missed of message.missed ?? []) log.take(eventOf(missed), groupId, connection, atMs);
      log.takeSnapshot(groupId, view, connection);
      views.set(groupId, view);
    } else if (type === 'GROUP_LEFT' || type === 'GROUP_REMOVED') {
      views.delete(groupId);
    } else if (NUMBERED.has(type)) {
      const view = views.get(groupId);
      log.take(message, groupId, connection, atMs);
      if (view === undefined) {
        const rule = asked.has(groupId) ? 'order' : 'outsiders';
        findings.add(rule, `${connection.name}: ${describe(message)} of a group that it is not in`);
      } else if (isRepeatedGrant(message, view)) {
        continue;
      } else if (message.epoch !== view.epoch || message.seq !== view.seq + 1) {
        wrong(`${describe(message)} comes after ${place(view)}`);
        if ((message.epoch ?? 0) > view.epoch) views.set(groupId, { ...view, epoch: message.epoch ?? 0 });
        else if (isLater(message, view)) views.set(groupId, viewAfter(view, message, connection.userId));
      } else {
        views.set(groupId, viewAfter(view, message, connection.userId));
      }
    }
  }
  return views;
}

/** A snapshot with `recovered` names just the events between `since` and itself. */
function checkMissed(
  connection: ConnectionRecord,
  message: ServerMessage,
  since: { readonly epoch: number; readonly seq: number } | null,
  findings: Findings,
): void {
  if (message.type !== 'GROUP_JOINED') return;
  const numbers = (message.missed ?? []).map(({ seq }) => seq);
  const expected: number[] = [];
  if (message.recovered === true) {
    if (since === null || since.epoch !== message.epoch) {
      findings.add('order', `${connection.name}: recovered, though it named no position of epoch ${message.epoch}`);
      return;
    }
    for (let seq = since.seq + 1; seq <= (message.seq ?? 0); seq += 1) expected.push(seq);
  }
  if (numbers.join() !== expected.join()) {
    findings.add('order', `${connection.name}: missed events ${numbers.join(' ')} instead of ${expected.join(' ')}`);
  }
}

function isRepeatedGrant(message: ServerMessage, view: View): boolean {
  return message.type === 'TALK_GRANTED' && message.epoch === view.epoch && (message.seq ?? 0) <= view.seq;
}

function isLater(message: ServerMessage, view: View): boolean {
  return message.epoch === view.epoch && (message.seq ?? 0) > view.seq;
}

function isBehind(view: View, other: View): boolean {
  return view.epoch < other.epoch || (view.epoch === other.epoch && view.seq < other.seq);
}

function eventOf(missed: NonNullable<ServerMessage['missed']>[number]): ServerMessage {
  // Events that were missed have the form of the messages themselves.
  return { ...missed };
}

function positionOf(value: unknown): { readonly epoch: number; readonly seq: number } | null {
  if (typeof value !== 'object' || value === null) return null;
  return { epoch: Number(Reflect.get(value, 'epoch')), seq: Number(Reflect.get(value, 'seq')) };
}

function place(view: View): string {
  return describeView({ ...view, presence: new Set() });
}

function describe({ type, epoch, seq, talkId }: ServerMessage): string {
  return `${type} ${epoch}/${seq} ${talkId ?? ''}`;
}
