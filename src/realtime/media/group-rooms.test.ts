import { expect, test } from 'vitest';
import { CallsInOrder } from './calls-in-order.ts';
import { GroupRooms } from './group-rooms.ts';

const GROUP = '01900000-0000-7000-8000-000000000001';

/** The rooms of a deployment on a media server with just these. */
function roomsOf(keyPrefix: string, ...names: string[]): GroupRooms {
  const unused = async () => Promise.reject(new Error('not wanted'));
  return new GroupRooms(
    {
      rooms: async () => names.map((name) => ({ name, sid: name, participants: 0, publishers: 0 })),
      setRights: unused,
      remove: unused,
      guests: unused,
      guest: unused,
    },
    new CallsInOrder(),
    keyPrefix,
  );
}

test.each([
  ['', `neda.${GROUP}`, GROUP],
  ['a-', `a-neda.${GROUP}`, GROUP],
  ['a-', `neda.${GROUP}`, null],
  ['', `a-neda.${GROUP}`, null],
  ['a-', `b-neda.${GROUP}`, null],
  // One prefix is the beginning of another.
  ['a-', `a-neda.neda.${GROUP}`, null],
  ['a-neda.', `a-neda.neda.${GROUP}`, GROUP],
  ['a-neda.', `a-neda.${GROUP}`, null],
  ['neda.', `neda.${GROUP}`, null],
  ['', `neda.neda.${GROUP}`, null],
  ['', `neda.${GROUP}x`, null],
  ['', `neda.${GROUP}\n`, null],
  ['', `neda.x${GROUP}`, null],
  ['', `neda.${GROUP.toUpperCase().replace('7000', '7A00')}`, null],
  ['', 'neda.', null],
  ['', '', null],
])('a deployment with the prefix "%s" takes the room %j for the group %s', async (keyPrefix, room, groupId) => {
  const rooms = roomsOf(keyPrefix, room);
  expect(rooms.groupOf(room)).toBe(groupId);
  expect((await rooms.open(1_000)).map((each) => each.groupId)).toEqual(groupId === null ? [] : [groupId]);
});
