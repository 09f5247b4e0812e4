import { describe, expect, it } from 'vitest';
import { messageFromLine, Unanswered } from './lines.ts';

describe('a typed line', () => {
  it('gets an id when it has none, and keeps its own', () => {
    expect(messageFromLine('{"type":"PING"}', '7')).toEqual({ id: '7', text: '{"type":"PING","id":"7"}' });
    expect(messageFromLine('{"id":"mine","type":"PING"}', '7')).toEqual({
      id: 'mine',
      text: '{"type":"PING","id":"mine"}',
    });
  });

  it('is nothing when empty', () => {
    expect(messageFromLine('  ', '7')).toBeUndefined();
  });

  it.each(['hello', '[]', 'null', '{"type":', '{"type":"PING","id":5}'])('has no answer to wait for: %s', (line) => {
    expect(messageFromLine(line, '7')).toMatchObject({ id: undefined });
  });
});

describe('the list of messages without an answer', () => {
  it('is empty when each has been answered, whatever else came', () => {
    const unanswered = new Unanswered();
    unanswered.sent('1');
    unanswered.sent('2');
    unanswered.received('{"type":"READY","re":"1"}');
    unanswered.received('{"type":"TALK_STARTED","seq":3}');
    unanswered.received('not JSON');
    expect(unanswered.list()).toEqual(['2']);
    expect(unanswered.isEmpty()).toBe(false);
    unanswered.received('{"type":"PONG","re":"2"}');
    expect(unanswered.isEmpty()).toBe(true);
  });

  it('never gives the same id twice', () => {
    const unanswered = new Unanswered();
    expect(unanswered.nextId()).not.toBe(unanswered.nextId());
  });
});
