export { lossOf } from './absent-talkers.ts';
export { createFloorModules } from './handlers.ts';
export { createLiveControl, type LiveControl } from './live-control.ts';
export { LiveGroups } from './live-groups.ts';
export { createLostTalks, storedTalkOf } from './lost-talks.ts';
export { createLocalBlocks, createStreamIds, STREAM_BLOCK, type StreamIds } from './stream-ids.ts';
export type { FloorTelemetry } from './telemetry.ts';
export { TalkLedger } from './talk-ledger.ts';
export { TalkRequests } from './talk-requests.ts';
