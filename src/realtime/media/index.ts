import { LivekitMediaServer, type LivekitOptions } from './livekit.ts';
import type { MediaLog } from './media-log.ts';
import { noMediaServer } from './none.ts';
import type { MediaServer } from './port.ts';

export { createMedia, type MediaOptions } from './create-media.ts';
export { exportGuardMetrics } from './guard/metrics.ts';
export type { MediaGuard } from './guard/port.ts';
export { WebhookRefused } from './guard/webhook.ts';
export { createMediaGate, type GateRefusal, type MediaGate } from './gate.ts';
export { type MediaProbe, probeLivekit } from './probe.ts';
export { mediaIdentity, type MediaServer, MediaUnavailable } from './port.ts';

export interface MediaServerOptions {
  /** Null: no media server. */
  readonly livekit: LivekitOptions['livekit'] | null;
  readonly keyPrefix: string;
  readonly log: MediaLog;
}

/** The media server of the configuration. */
export function createMediaServer(options: MediaServerOptions): MediaServer {
  const { livekit, keyPrefix, log } = options;
  return livekit === null ? noMediaServer() : new LivekitMediaServer({ livekit, keyPrefix, log });
}
