import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { floorTimings, type GroupSnapshot } from '../floor/index.ts';
import { mediaIdentity } from '../media/index.ts';
import { Leavers, type LeaversOptions } from './leavers.ts';

const GROUP = 'group';
const bob = { userId: 'bob', sessionId: 'watch' };

let present: string[];
let presenceCount: number | null;
let dismiss: ReturnType<typeof vi.fn<LeaversOptions['media']['dismiss']>>;
let onError: ReturnType<typeof vi.fn<LeaversOptions['onError']>>;
let leavers: Leavers;

beforeEach(() => {
  vi.useFakeTimers();
  present = [];
  presenceCount = null;
  dismiss = vi.fn<LeaversOptions['media']['dismiss']>(async () => undefined);
  onError = vi.fn<LeaversOptions['onError']>();
  leavers = withMedia('livekit');
});
afterEach(() => {
  vi.useRealTimers();
});

function withMedia(kind: 'livekit' | 'none'): Leavers {
  return new Leavers({
    groups: { apply: vi.fn() },
    store: {
      snapshot: async (): Promise<GroupSnapshot> => ({
        epoch: 1,
        seq: 1,
        published: [],
        withdraw: [],
        dueInMs: null,
        talk: null,
        presence: present.map((userId) => JSON.stringify({ userId, displayName: userId, role: 'member' })),
        presenceCount: presenceCount ?? present.length,
        connections: present.length,
        missed: null,
      }),
    },
    media: { kind, dismiss },
    onError,
  });
}

/** Longer than any wait here. */
async function later(): Promise<void> {
  await vi.advanceTimersByTimeAsync(floorTimings.leaseMs);
}

test('who has left is put out of the room, that session of his', async () => {
  present = ['alice'];
  leavers.left(GROUP, bob);
  await later();
  expect(dismiss.mock.calls).toEqual([[GROUP, mediaIdentity('bob', 'watch')]]);
});

test('who joins again at once is let be, and put out when he leaves later', async () => {
  leavers.left(GROUP, bob);
  await leavers.joins(GROUP, bob);
  await later();
  expect(dismiss).not.toHaveBeenCalled();
  leavers.left(GROUP, bob);
  leavers.left(GROUP, bob);
  await later();
  expect(dismiss).toHaveBeenCalledTimes(1);
});

test('his joining with another session, or another group, changes nothing', async () => {
  leavers.left(GROUP, bob);
  await leavers.joins(GROUP, { ...bob, sessionId: 'phone' });
  await leavers.joins('other', bob);
  await later();
  expect(dismiss).toHaveBeenCalledTimes(1);
});

test('who is there on another device, or may be, is let be', async () => {
  present = ['alice', 'bob'];
  leavers.left(GROUP, bob);
  await later();
  present = ['alice'];
  presenceCount = 501;
  leavers.left(GROUP, bob);
  await later();
  expect(dismiss).not.toHaveBeenCalled();
});

test('who joins while he is being put out waits for that, and not for ever', async () => {
  const put = Promise.withResolvers<void>();
  dismiss.mockReturnValueOnce(put.promise);
  leavers.left(GROUP, bob);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(dismiss).toHaveBeenCalledTimes(1);
  const joined = vi.fn();
  void leavers.joins(GROUP, bob).then(joined);
  await vi.advanceTimersByTimeAsync(900);
  expect(joined).not.toHaveBeenCalled();
  put.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(joined).toHaveBeenCalled();
  dismiss.mockReturnValueOnce(new Promise(() => undefined));
  leavers.left(GROUP, bob);
  await vi.advanceTimersByTimeAsync(1_000);
  const joinedLate = vi.fn();
  vi.useRealTimers();
  await leavers.joins(GROUP, bob).then(joinedLate);
  expect(joinedLate).toHaveBeenCalled();
});

test('a media server that does not obey is told of, and nothing else happens', async () => {
  dismiss.mockRejectedValueOnce(new Error('away'));
  leavers.left(GROUP, bob);
  await later();
  expect(onError).toHaveBeenCalledTimes(1);
  await leavers.joins(GROUP, bob);
});

test('without a media server nobody is put out', async () => {
  leavers = withMedia('none');
  leavers.left(GROUP, bob);
  await later();
  expect(dismiss).not.toHaveBeenCalled();
});
