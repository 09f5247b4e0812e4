import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartFault } from '../../infra/start-fault.ts';
import { writeTalkPage } from './built.ts';
import { bundleTalkPage } from './bundle.ts';
import { TALK_PAGE_SOURCE, talkPageSource } from './source.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neda-talk-page-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the files of the talk page', () => {
  it('are in production those that were built, and those alone', async () => {
    const places = { source: TALK_PAGE_SOURCE, built: join(folder, 'talk') };
    await expect(talkPageSource(true, places)).rejects.toThrow(StartFault);
    await expect(talkPageSource(true, places)).rejects.toThrow(/TALK_PAGE.*npm run build:talk/);
    const bundled = await bundleTalkPage(TALK_PAGE_SOURCE);
    await writeTalkPage(places.built, bundled);
    expect(await (await talkPageSource(true, places))()).toEqual(bundled);
  });

  it('are in development made of the source', async () => {
    const source = await talkPageSource(false, { source: TALK_PAGE_SOURCE, built: folder });
    const files = await source();
    expect(await source()).toBe(files);
    const named = [...(files?.document ?? '').matchAll(/"\/talk\/([^"]+)"/g)].map(([, name]) => name);
    const later = [...(files?.assets.keys() ?? [])].filter((name) => !named.includes(name));
    expect(named.length).toBeGreaterThan(5);
    // What only a server with LiveKit needs is neither in the document nor in what it names.
    expect(later).toEqual([expect.stringMatching(/^room-\w+\.js$/)]);
    const sizes = named.map((name = '') => files?.assets.get(name)?.body.length ?? Number.POSITIVE_INFINITY);
    expect(Math.max(...sizes)).toBeLessThan(100_000);
  });

  it('bring the licences of the packages in them, and of what those contain', async () => {
    const { document, assets } = await bundleTalkPage(TALK_PAGE_SOURCE);
    const [, name = ''] = /rel="license"[^>]*href="\/talk\/([^"]+)"/.exec(document) ?? [];
    const text = assets.get(name)?.body.toString('utf8') ?? '';
    for (const part of ['livekit-client 2', '@livekit/protocol 1', 'webrtc-adapter 9', 'Apache License', 'BSD']) {
      expect(text).toContain(part);
    }
    expect(text).not.toMatch(/esbuild|zod/);
  });

  it('are missing in development where there is neither source nor a build', async () => {
    const source = await talkPageSource(false, { source: join(folder, 'none'), built: join(folder, 'none') });
    expect(await source()).toBeNull();
  });
});
