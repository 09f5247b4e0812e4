import { checkAnswers } from './answers.ts';
import { readConnection } from './connection.ts';
import { checkEnds } from './ends.ts';
import { EventLog } from './event-log.ts';
import { checkGrants } from './grants.ts';
import type { History } from './history.ts';
import { checkLastViews } from './last-views.ts';
import { checkRecord } from './record.ts';
import { Findings, type Violation } from './report.ts';
import { followTalks } from './talks.ts';

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Different numbered events of the log. */
  readonly events: number;
  readonly talks: number;
  readonly messages: number;
  /** Talks of which an emptied live store left no row: open ones, and ones that had ended. */
  readonly lostWithTheStore: { readonly open: number; readonly ended: number };
}

/** Holds what clients saw, and what was stored, to the invariants of floor.md. */
export function checkHistory(history: History): Verdict {
  const findings = new Findings();
  const log = new EventLog(findings);
  const read = history.connections.map((connection) => ({
    connection,
    views: readConnection(connection, log, findings),
  }));
  for (const { connection } of read) checkAnswers(connection, history.circumstances, findings);
  const talks = followTalks(log, findings);
  const lostWithTheStore = checkRecord(history, talks, log, findings);
  checkEnds(history, talks, log, findings);
  checkGrants(history, findings);
  checkLastViews(history.groups, read, findings);
  for (const leak of history.leaks) findings.add('leaks', leak);
  return {
    violations: findings.violations,
    events: log.size,
    talks: talks.size,
    messages: history.connections.reduce((sum, { sent, received }) => sum + sent.length + received.length, 0),
    lostWithTheStore,
  };
}
