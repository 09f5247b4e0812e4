/** `npm run docs:picture`: takes the picture of the README, two windows of the talk page while one of them talks. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startBrowser } from '../test/_support/browser.ts';
import { enterGroup, signIn } from '../test/_support/talk-page.ts';
import { startServer } from './demo-server.ts';

const PICTURE = join(import.meta.dirname, '..', 'docs', 'first-talk.png');
const WINDOW = { width: 430, height: 740 };
const SHEET = { width: 940, height: 870 };

async function takePicture(): Promise<Buffer> {
  await using server = await startServer();
  await using browser = await startBrowser();
  const alice = await enter('alice');
  const bob = await enter('bob');
  await alice.keyboard.down(' ');
  await alice.getByRole('button', { name: 'Speak now' }).waitFor();
  await bob.getByText('Alice is talking').waitFor();
  await Promise.all([alice, bob].map((page) => page.evaluate(SETTLED)));
  const windows = [await alice.screenshot(), await bob.screenshot()];
  await alice.keyboard.up(' ');

  const { page: sheet } = await browser.newPage();
  await sheet.setViewportSize(SHEET);
  await sheet.setContent(sheetOf(server.origin, windows));
  return await sheet.screenshot();

  async function enter(username: string): Promise<Page> {
    const { page } = await browser.newPage();
    await page.setViewportSize(WINDOW);
    await signIn(page, server.origin, username);
    await enterGroup(page, 'Team');
    return page;
  }
}

/** Colours in the middle of a fade are no colours of the page. */
const SETTLED = 'Promise.allSettled(document.getAnimations().map(({ finished }) => finished))';

function sheetOf(origin: string, windows: readonly Buffer[]): string {
  const address = new URL('/talk', origin.replace(/:\d+$/, ':8000')).href;
  const captions = ['Alice holds <kbd>space</kbd> and talks', 'Bob hears her'];
  const figures = windows.map(
    (picture, index) => `<figure>
      <div class="window">
        <p><i></i><i></i><i></i><span>${address}</span></p>
        <img src="data:image/png;base64,${picture.toString('base64')}" alt="">
      </div>
      <figcaption>${captions[index] ?? ''}</figcaption>
    </figure>`,
  );
  return `<!doctype html><style>
    body { margin: 0; padding: 20px; display: flex; justify-content: space-between; background: #e3e8ef;
      color: #17202c; font: 600 19px system-ui, sans-serif }
    figure { margin: 0; text-align: center }
    .window { border-radius: 12px; overflow: hidden; background: #fff; box-shadow: 0 6px 24px rgb(20 30 50 / 22%) }
    .window p { margin: 0; height: 40px; display: flex; align-items: center; gap: 8px; padding: 0 14px;
      background: #d3dae4; font: 14px system-ui, sans-serif }
    .window i { width: 11px; height: 11px; border-radius: 50%; background: #97a3b3 }
    .window span { flex: 1; margin-left: 8px; padding: 4px 12px; border-radius: 14px; background: #f4f6f9; text-align: left }
    img { display: block }
    figcaption { padding-top: 14px }
    kbd { font: inherit; padding: 2px 26px; border: 1px solid #97a3b3; border-bottom-width: 3px; border-radius: 6px;
      background: #fff }
  </style>${figures.join('')}`;
}

const picture = await takePicture();
await writeFile(PICTURE, picture);
console.log(`${PICTURE}: ${Math.ceil(picture.length / 1024)} KB`);
