import { TrackSource, type VideoGrant } from 'livekit-server-sdk';

/**
 * What a participant may do in a room. LiveKit replaces permissions whole: what is absent from an update is taken
 * away, and what is absent from a token is allowed. So both sets name every right.
 */
interface RoomRights {
  readonly canSubscribe: boolean;
  readonly canPublish: boolean;
  readonly canPublishData: boolean;
  readonly canPublishSources: TrackSource[];
  readonly canUpdateMetadata: boolean;
  readonly canSubscribeMetrics: boolean;
  readonly canManageAgentSession: boolean;
  readonly hidden: boolean;
}

/** Everybody in a group who does not hold the floor. */
export const LISTEN: RoomRights = {
  canSubscribe: true,
  canPublish: false,
  canPublishData: false,
  canPublishSources: [],
  canUpdateMetadata: false,
  canSubscribeMetrics: false,
  canManageAgentSession: false,
  hidden: false,
};

/** The floor holder: hears as before and may publish his microphone. */
export const SPEAK: RoomRights = { ...LISTEN, canPublish: true, canPublishSources: [TrackSource.MICROPHONE] };

/** The same rights as a token states them, for one room. */
export function roomGrant(room: string, rights: RoomRights): VideoGrant {
  const { canUpdateMetadata, canPublishSources, ...sameNames } = rights;
  return {
    room,
    roomJoin: true,
    ...sameNames,
    // In a token an empty list of sources means every source: it is left out where nothing may be published.
    ...(canPublishSources.length === 0 ? {} : { canPublishSources }),
    canUpdateOwnMetadata: canUpdateMetadata,
    roomAdmin: false,
    roomCreate: false,
    roomList: false,
    roomRecord: false,
    ingressAdmin: false,
    recorder: false,
    agent: false,
  };
}
