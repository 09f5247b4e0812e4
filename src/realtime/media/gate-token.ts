import { jwtVerify } from 'jose';
import { z } from 'zod';

/** Who joins which room by a token. */
export interface JoinClaims {
  readonly room: string;
  readonly identity: string;
}

/** The clocks of LiveKit, which signs tokens too, and of this machine may differ by this much, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 10;

const off = z.literal(false).optional();
const listening = z.strictObject({
  room: z.string(),
  roomJoin: z.literal(true),
  canSubscribe: z.boolean(),
  // Absent means allowed.
  canPublish: z.literal(false),
  canPublishData: z.literal(false),
  canUpdateOwnMetadata: off,
  canSubscribeMetrics: off,
  canManageAgentSession: off,
  hidden: off,
  roomAdmin: off,
  roomCreate: off,
  roomList: off,
  roomRecord: off,
  ingressAdmin: off,
  recorder: off,
  agent: off,
});
const speaking = listening.extend({
  canPublish: z.literal(true),
  canPublishSources: z.tuple([z.literal('microphone')]),
});
/**
 * What tokens of NEDA say, and what LiveKit makes of them when it renews them. To the last key: LiveKit reads keys in
 * any case, and what it reads beside these would be a right that nobody here gave.
 */
const claims = z.strictObject({
  iss: z.string(),
  sub: z.string(),
  exp: z.number(),
  nbf: z.number().optional(),
  iat: z.number().optional(),
  identity: z.string().optional(),
  name: z.string().optional(),
  kind: z.literal('standard').optional(),
  video: z.discriminatedUnion('canPublish', [listening, speaking]),
});

/**
 * What a token lets somebody do, when it is signed by this key pair, has not expired, and gives no right but to listen
 * in one room, or to publish a microphone there; else null. Tokens that LiveKit renewed count as those of NEDA.
 */
export async function verifyJoin(
  token: string,
  by: { readonly apiKey: string; readonly apiSecret: { reveal(): string }; readonly nowMs: number },
): Promise<JoinClaims | null> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(by.apiSecret.reveal()), {
      algorithms: ['HS256'],
      issuer: by.apiKey,
      currentDate: new Date(by.nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    const read = claims.safeParse(payload);
    return read.success ? { room: read.data.video.room, identity: read.data.sub } : null;
  } catch {
    return null;
  }
}
