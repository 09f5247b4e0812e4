/** Who and what the examples are about: Bob talks in Alice's group. */
export const ids = {
  groupId: '01890a5d-ac96-774b-8cce-b302099a8057',
  talkId: '01890a5d-b1f2-7d04-9c0e-5f1b7a3c2d10',
  connectionId: '01890a5d-af00-7a11-a2b3-c4d5e6f70819',
  sessionId: '01890a5d-ae21-7c55-8f00-112233445566',
  alice: '01890a5d-ab00-7000-8000-00000000a11c',
  bob: '01890a5d-ab00-7000-8000-000000000b0b',
} as const;

const epoch = 6_090_237_949;

/** The numbering of a group's event. */
export function numbered(seq: number) {
  return { groupId: ids.groupId, epoch, seq };
}

export const bob = { userId: ids.bob, displayName: 'Bob' };
export const present = [
  { userId: ids.alice, displayName: 'Alice', role: 'group_manager' as const },
  { ...bob, role: 'member' as const },
];
export const media = {
  kind: 'livekit' as const,
  url: 'wss://sound.example',
  room: `neda.${ids.groupId}`,
  token: 'eyJhbGciOiJIUzI1NiJ9.e30.signature',
  identity: `u_${ids.bob}.${ids.sessionId}`,
  expiresInMs: 90_000,
};
