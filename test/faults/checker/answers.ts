import type { Circumstances, ConnectionRecord, Span } from './history.ts';
import type { Findings } from './report.ts';

const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  HELLO: ['READY'],
  AUTHENTICATE: ['AUTHENTICATED'],
  JOIN_GROUP: ['GROUP_JOINED'],
  LEAVE_GROUP: ['GROUP_LEFT'],
  REQUEST_TALK: ['TALK_GRANTED', 'TALK_QUEUED', 'TALK_DENIED'],
  RELEASE_TALK: ['TALK_RELEASED'],
  REVOKE_TALK: ['TALK_REVOKE_DONE'],
  PING: ['PONG'],
};

/** Every message has exactly one answer of its kind, in time, unless its socket died. */
export function checkAnswers(connection: ConnectionRecord, circumstances: Circumstances, findings: Findings): void {
  const { name, sent, received, endedAtMs } = connection;
  const wrong = (detail: string): void => findings.add('answers', `${name}: ${detail}`);
  const answers = Map.groupBy(
    received.filter(({ message }) => message.re !== undefined),
    ({ message }) => message.re ?? '',
  );
  const silences = [
    ...connection.frozen,
    ...circumstances.processAway.filter(({ process }) => process === connection.process),
  ];
  for (const { id, type, atMs } of sent) {
    const own = answers.get(id) ?? [];
    answers.delete(id);
    const [answer] = own;
    if (own.length > 1) wrong(`${type} ${id} has ${own.length} answers`);
    if (answer === undefined) {
      if (endedAtMs === null) wrong(`${type} ${id} has no answer`);
      continue;
    }
    const { message } = answer;
    if (message.type !== 'ERROR' && !(ANSWERS[type] ?? []).includes(message.type)) {
      wrong(`${type} ${id} was answered by ${message.type}`);
    }
    if (message.type === 'ERROR' && message.code === 'internal') wrong(`${type} ${id} was answered by internal`);
    const tookMs = answer.atMs - atMs - overlap({ fromMs: atMs, toMs: answer.atMs }, silences);
    if (tookMs > circumstances.answerLimitMs) wrong(`${type} ${id} was answered after ${tookMs.toFixed(0)} ms`);
  }
  for (const id of answers.keys()) wrong(`an answer to ${id}, which was never sent`);
}

function overlap(span: Span, others: readonly Span[]): number {
  return others.reduce(
    (sum, other) => sum + Math.max(0, Math.min(span.toMs, other.toMs) - Math.max(span.fromMs, other.fromMs)),
    0,
  );
}
