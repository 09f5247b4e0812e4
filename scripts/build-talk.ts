/** `npm run build:talk`: bundles the talk page into dist/talk, where a server in production finds it. */
import { writeTalkPage } from '../src/http/talk-page/built.ts';
import { bundleTalkPage } from '../src/http/talk-page/bundle.ts';
import { TALK_PAGE_BUILT, TALK_PAGE_SOURCE } from '../src/http/talk-page/source.ts';

const files = await bundleTalkPage(TALK_PAGE_SOURCE);
await writeTalkPage(TALK_PAGE_BUILT, files);
for (const [name, { body }] of files.assets) console.log(`${String(body.length).padStart(7)}  dist/talk/${name}`);
