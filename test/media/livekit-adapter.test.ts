import { decodeJwt } from 'jose';
import { TrackSource } from 'livekit-server-sdk';
import { v7 as uuidV7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { mediaIdentity } from '../../src/realtime/media/index.ts';
import { AdapterBench, BUDGET_MS } from './adapter-bench.ts';

const LISTENS = {
  canPublish: false,
  canSubscribe: true,
  canPublishData: false,
  canPublishSources: [],
  canUpdateMetadata: false,
  hidden: false,
};
const SPEAKS = { ...LISTENS, canPublish: true, canPublishSources: [TrackSource.MICROPHONE] };
const bench = AdapterBench.use();
const claimsOf = (media: { readonly kind: string; readonly token?: string }) => decodeJwt(media.token ?? '');

describe('tokens', () => {
  test('a listen token is for one room and one identity, short-lived, and may not publish anything', async () => {
    const media = await bench().mediaServer().listenDescription(bench().groupId, bench().identity);
    expect(media).toMatchObject({
      kind: 'livekit',
      url: bench().livekit.publicUrl,
      room: bench().room,
      identity: bench().identity,
    });
    const { sub, exp = 0, nbf = 0, video } = claimsOf(media);
    expect(sub).toBe(bench().identity);
    expect(exp - nbf).toBeGreaterThanOrEqual(60);
    expect(exp - nbf).toBeLessThanOrEqual(120);
    expect(media).toHaveProperty('expiresInMs', (exp - nbf) * 1_000);
    expect(video).toMatchObject({
      room: bench().room,
      roomJoin: true,
      canSubscribe: true,
      canPublish: false,
      canPublishData: false,
    });
    expect(video).not.toHaveProperty('canPublishSources');
  });

  test('a publish token may publish a microphone and nothing else', async () => {
    const media = await bench().mediaServer().publishDescription(bench().groupId, bench().identity);
    expect(claimsOf(media)['video']).toMatchObject({
      room: bench().room,
      canPublish: true,
      canPublishSources: ['microphone'],
      canPublishData: false,
      canUpdateOwnMetadata: false,
      roomAdmin: false,
      hidden: false,
    });
  });

  test('who joins with them has exactly these rights', async () => {
    const server = bench().mediaServer();
    const guest = await bench().listen(server);
    expect(await bench().permission()).toEqual(LISTENS);
    await guest.leave();
    await bench().join(await server.publishDescription(bench().groupId, bench().identity));
    expect(await bench().permission()).toEqual(SPEAKS);
  });
});

describe('the right to speak', () => {
  test('is confirmed for who is in the room, and replaces his rights whole', async () => {
    const server = bench().mediaServer();
    await bench().listen(server);
    await expect(server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS)).resolves.toBe('confirmed');
    expect(await bench().permission()).toEqual(SPEAKS);
  });

  test('is confirmed again when he has it already', async () => {
    const server = bench().mediaServer();
    await bench().listen(server);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    await expect(server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS)).resolves.toBe('confirmed');
  });

  test('is not there to be given to who is not in the room, nor where there is no room', async () => {
    const server = bench().mediaServer();
    await expect(server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS)).resolves.toBe('absent');
    await bench().listen(server);
    await expect(server.allowSpeaking(bench().groupId, mediaIdentity(uuidV7(), uuidV7()), BUDGET_MS)).resolves.toBe(
      'absent',
    );
  });

  test('is gone when it was withdrawn, and he hears on', async () => {
    const server = bench().mediaServer();
    await bench().listen(server);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    await server.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    expect(await bench().permission()).toEqual(LISTENS);
    await server.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    expect(await bench().permission()).toEqual(LISTENS);
  });

  test('counts as withdrawn from who is not there', async () => {
    await expect(
      bench().mediaServer().withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS),
    ).resolves.toBeUndefined();
  });

  test('does not outlive a new join with a listen token', async () => {
    const server = bench().mediaServer();
    await bench().listen(server);
    await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    await bench().listen(server);
    expect(await bench().permission()).toEqual(LISTENS);
  });

  test('is given in rooms of the own prefix only', async () => {
    const [ours, theirs] = [bench().mediaServer(), bench().mediaServer({ keyPrefix: 'two-' })];
    await bench().join(await theirs.listenDescription(bench().groupId, bench().identity));
    await expect(ours.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS)).resolves.toBe('absent');
    await theirs.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    await ours.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS);
    expect(await bench().permission(`two-neda.${bench().groupId}`)).toEqual(SPEAKS);
  });
});
