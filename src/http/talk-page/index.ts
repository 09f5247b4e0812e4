export { registerTalkPage } from './routes.ts';
export { talkPageSource } from './source.ts';
