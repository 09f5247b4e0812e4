import type { History } from './history.ts';
import type { Findings } from './report.ts';

/** A talk is granted to one session alone, and none while the store is away. */
export function checkGrants(history: History, findings: Findings): void {
  const grantees = new Map<string, Set<string>>();
  for (const connection of history.connections) {
    for (const { atMs, message } of connection.received) {
      if (message.type !== 'TALK_GRANTED' || message.talkId === undefined) continue;
      const sessions = grantees.get(message.talkId) ?? new Set();
      grantees.set(message.talkId, sessions.add(connection.sessionId));
      const forbidden = history.circumstances.nothingGranted.find(
        ({ fromMs, toMs, process }) =>
          fromMs <= atMs && atMs <= toMs && (process ?? connection.process) === connection.process,
      );
      if (forbidden !== undefined) {
        findings.add(
          'nothing granted',
          `${connection.name} was granted ${message.talkId} ${(atMs - forbidden.fromMs).toFixed(0)} ms after the store was gone`,
        );
      }
    }
  }
  for (const [talkId, sessions] of grantees) {
    if (sessions.size > 1) findings.add('one grant', `${talkId} was granted to ${sessions.size} sessions`);
  }
}
