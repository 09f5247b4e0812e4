export { type AboutServer, asyncapiDocument } from './document.ts';
