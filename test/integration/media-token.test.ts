import { jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { freePort } from '../_support/ports.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import type * as wire from '../_support/wire.ts';

const secret = 'the secret of a media server that is away at the moment';
const livekitMedia = z.strictObject({
  kind: z.literal('livekit'),
  url: z.string(),
  room: z.string(),
  token: z.string(),
  identity: z.string(),
  expiresInMs: z.int(),
});

describe('the media token of a member', () => {
  let database: TestDatabase;
  let without: Neda;
  let withLivekit: Neda;

  beforeAll(async () => {
    database = await createDatabase();
    without = await startNeda({ databaseUrl: database.url });
  });
  afterAll(async () => {
    await without[Symbol.asyncDispose]();
    await withLivekit[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function member(neda: Neda): Promise<{ token: string; tokens: wire.Tokens; path: string; groupId: string }> {
    const tokens = await neda.rest.login('bob');
    const token = tokens.accessToken;
    const { id: groupId } = await neda.rest.groupNamed(token, 'Team');
    return { token, tokens, groupId, path: `/api/v1/groups/${groupId}/media-token` };
  }

  it('is of no kind without a media server, with and without a body', async () => {
    const { token, path } = await member(without);
    for (const body of [undefined, {}]) {
      expect(await without.rest.expect(200, 'POST', path, { token, body })).toEqual({ kind: 'none' });
    }
    expect(await without.rest.expectProblem(400, 'POST', path, { token, body: { publish: true } })).toMatchObject({
      errors: [{ path: 'publish' }],
    });
    const { accessToken: stranger } = await without.rest.login('admin');
    await without.rest.expectProblem(404, 'POST', path, { token: stranger });
    await without.stop();
  });

  it('lets his session listen in the room of the group and nothing else, also while LiveKit is away', async () => {
    withLivekit = await startNeda({
      databaseUrl: database.url,
      livekit: {
        LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
        LIVEKIT_PUBLIC_URL: 'wss://voice.example.org',
        LIVEKIT_API_KEY: 'key',
        LIVEKIT_API_SECRET: secret,
      },
    });
    const { token, tokens, path, groupId } = await member(withLivekit);
    const media = livekitMedia.parse(await withLivekit.rest.expect(200, 'POST', path, { token }));
    const identity = `u_${tokens.user.id}.${tokens.session.id}`;
    expect(media).toMatchObject({ url: 'wss://voice.example.org', room: `neda.${groupId}`, identity });
    const { payload } = await jwtVerify(media.token, new TextEncoder().encode(secret));
    expect(payload).toMatchObject({ sub: identity, video: { room: `neda.${groupId}`, roomJoin: true } });
    expect(payload['video']).toMatchObject({ canPublish: false, canPublishData: false, canSubscribe: true });
    expect(media.expiresInMs).toBeGreaterThanOrEqual(60_000);
    expect(media.expiresInMs).toBeLessThanOrEqual(120_000);
  });
});
