import { expect, it } from 'vitest';
import { clientMessages } from '../protocol/index.ts';
import { AddressQuota } from './address-quota.ts';
import { createDispatchTable } from './dispatch-table.ts';
import { HelloOrder } from './hello-order.ts';
import { KnownMemberships } from './known-memberships.ts';
import type { AnyMessageModule } from './message-module.ts';
import { RecentChanges } from './recent-changes.ts';

function modules(): AnyMessageModule[] {
  const handle = (): void => undefined;
  const { HELLO, AUTHENTICATE, JOIN_GROUP, LEAVE_GROUP, REQUEST_TALK, RELEASE_TALK, REVOKE_TALK, PING } =
    clientMessages;
  return [
    { type: 'HELLO', schema: HELLO, access: 'session', handle },
    { type: 'AUTHENTICATE', schema: AUTHENTICATE, access: 'session', handle },
    { type: 'JOIN_GROUP', schema: JOIN_GROUP, access: 'member', handle },
    { type: 'LEAVE_GROUP', schema: LEAVE_GROUP, access: 'session', handle },
    { type: 'REQUEST_TALK', schema: REQUEST_TALK, access: 'member', handle },
    { type: 'RELEASE_TALK', schema: RELEASE_TALK, access: 'session', handle },
    { type: 'REVOKE_TALK', schema: REVOKE_TALK, access: 'session', handle },
    { type: 'PING', schema: PING, access: 'session', handle },
  ];
}

it('a message without a module, with two, or without an access rule stops the start', () => {
  const all = modules();
  expect(createDispatchTable(all).size).toBe(8);
  expect(() => createDispatchTable(all.slice(1))).toThrow('no message module for HELLO');
  expect(() => createDispatchTable([...all, ...all.slice(0, 1)])).toThrow('two message modules for HELLO');
  const open = all.map((module) => Object.defineProperty({ ...module }, 'access', { value: undefined }));
  expect(() => createDispatchTable(open)).toThrow('HELLO has no access rule');
});

it('an address has so many places, and gives each back once', () => {
  const quota = new AddressQuota(2);
  const [first, second] = [quota.take('a'), quota.take('a')];
  expect(second).not.toBeNull();
  expect(quota.take('a')).toBeNull();
  expect(quota.take('b')).not.toBeNull();
  first?.();
  first?.();
  expect(quota.take('a')).not.toBeNull();
  expect(quota.take('a')).toBeNull();
});

it('what happened is known for a minute, and by when', () => {
  let nowMs = 0;
  const recent = new RecentChanges(() => nowMs);
  nowMs = 100;
  recent.note('session ended s');
  expect(recent.happened('session ended s', 100)).toBe(true);
  expect(recent.happened('session ended s', 101)).toBe(false);
  expect(recent.happened('session ended t', 0)).toBe(false);
  nowMs = 60_099;
  recent.note('user gone u');
  expect(recent.happened('session ended s', 0)).toBe(true);
  nowMs = 60_100;
  recent.note('user gone v');
  expect(recent.happened('session ended s', 0)).toBe(false);
});

it('the later HELLO of a session stays the latest, however long each takes', () => {
  const order = new HelloOrder();
  const [early, late] = [order.next(), order.next()];
  expect(order.isLatest('s', early, 0)).toBe(true);
  expect(order.isLatest('s', late, 0)).toBe(true);
  expect(order.isLatest('s', early, 0)).toBe(false);
  order.done('s', late);
  expect(order.isLatest('s', early, late)).toBe(false);
  expect(order.isLatest('t', early, 0)).toBe(true);
});

it('memberships read at HELLO are known for half an hour, unless something changes', () => {
  let nowMs = 0;
  const known = new KnownMemberships(() => nowMs);
  known.remember('u', []);
  nowMs = 30 * 60_000;
  expect(known.recall('u')).toEqual([]);
  expect(known.recall('v')).toBeNull();
  nowMs += 1;
  expect(known.recall('u')).toBeNull();
});
