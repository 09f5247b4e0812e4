export { lossOf } from './absent-talkers.ts';
export { createLive, type Live } from './create-live.ts';
export { createFloorModules } from './handlers.ts';
export { createLiveControl, type LiveControl } from './live-control.ts';
export { renamingOf } from './renaming.ts';
export { createLostTalks, storedTalkOf } from './lost-talks.ts';
export { createLocalBlocks, createStreamIds, STREAM_BLOCK, type StreamIds } from './stream-ids.ts';
export type { FloorTelemetry } from './telemetry.ts';
export { TalkLedger } from './talk-ledger.ts';
