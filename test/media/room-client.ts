import { Room, type RoomOptions } from '@livekit/rtc-node';
import { type ParticipantInfo, RoomServiceClient, ServerError } from 'livekit-server-sdk';
import type { TestLivekit } from '../_support/livekit.ts';

/** Somebody in a room, as a client of LiveKit alone. */
export interface Guest {
  readonly room: Room;
  leave(): Promise<void>;
}

/** Two peer connections, as every client of NEDA joins (media.md). Not in the library's type. */
export const CONNECT_OPTIONS: RoomOptions & { readonly singlePeerConnection: boolean } = {
  autoSubscribe: true,
  dynacast: false,
  singlePeerConnection: false,
};

/** Joins with a token that somebody gave out. */
export async function joinRoom(media: {
  readonly kind: string;
  readonly url?: string;
  readonly token?: string;
}): Promise<Guest> {
  if (media.url === undefined || media.token === undefined) throw new Error(`media of kind ${media.kind} has no room`);
  const room = new Room();
  await room.connect(media.url, media.token, CONNECT_OPTIONS);
  return { room, leave: () => room.disconnect() };
}

/** What LiveKit itself says of a participant; undefined when he is not there. */
export async function lookUp(
  livekit: TestLivekit,
  room: string,
  identity: string,
): Promise<ParticipantInfo | undefined> {
  const client = roomService(livekit);
  try {
    return await client.getParticipant(room, identity);
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return undefined;
    throw error;
  }
}

/** The permission as LiveKit has it now. */
export async function permissionOf(livekit: TestLivekit, room: string, identity: string) {
  const participant = await lookUp(livekit, room, identity);
  if (participant?.permission === undefined) throw new Error(`${identity} is not in ${room}`);
  const { canPublish, canSubscribe, canPublishData, canPublishSources, canUpdateMetadata, hidden } =
    participant.permission;
  return { canPublish, canSubscribe, canPublishData, canPublishSources, canUpdateMetadata, hidden };
}

/** Everybody who has published something, in any room. */
export async function publishersOf(livekit: TestLivekit): Promise<string[]> {
  const publishers = (await everybody(livekit)).filter(({ participant }) => participant.tracks.length > 0);
  return publishers.map(({ participant }) => participant.identity);
}

/** Throws everybody out of every room; nothing keeps them from coming back. */
export async function removeEverybody(livekit: TestLivekit): Promise<void> {
  const client = roomService(livekit);
  for (const { room, participant } of await everybody(livekit)) {
    await client.removeParticipant(room, participant.identity);
  }
}

async function everybody(livekit: TestLivekit): Promise<{ room: string; participant: ParticipantInfo }[]> {
  const client = roomService(livekit);
  const rooms = await client.listRooms();
  const found = await Promise.all(
    rooms.map(async ({ name }) =>
      (await client.listParticipants(name)).map((participant) => ({ room: name, participant })),
    ),
  );
  return found.flat();
}

function roomService({ host, apiKey, apiSecret }: TestLivekit): RoomServiceClient {
  return new RoomServiceClient(host, apiKey, apiSecret, { requestTimeout: 5 });
}
