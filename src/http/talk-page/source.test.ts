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
    expect(new Set(named)).toEqual(new Set(files?.assets.keys()));
    expect(named.length).toBeGreaterThan(4);
  });

  it('are missing in development where there is neither source nor a build', async () => {
    const source = await talkPageSource(false, { source: join(folder, 'none'), built: join(folder, 'none') });
    expect(await source()).toBeNull();
  });
});
