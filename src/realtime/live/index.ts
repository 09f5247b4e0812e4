export { lossOf } from './absent-talkers.ts';
export { createFloorModules } from './handlers.ts';
export { createLiveControl, type LiveControl } from './live-control.ts';
export { LiveGroups } from './live-groups.ts';
export { createLocalBlocks, createStreamIds, STREAM_BLOCK, type StreamIds } from './stream-ids.ts';
export type { FloorTelemetry } from './telemetry.ts';
export { TalkRequests } from './talk-requests.ts';
