import { floorTimings } from '../floor/index.ts';
import type { Floor } from './guard/desired-right.ts';
import { FloorReader } from './guard/floor-reader.ts';
import { type GuardPorts, LivekitGuard } from './guard/media-guard.ts';
import { type MediaGuard, noGuard } from './guard/port.ts';
import { RECONCILER_TIMES } from './guard/reconciler.ts';
import { Webhook } from './guard/webhook.ts';
import { LivekitMediaServer, type LivekitOptions } from './livekit.ts';
import type { MediaLog } from './media-log.ts';
import { noMediaServer } from './none.ts';
import type { MediaServer } from './port.ts';

export interface MediaOptions {
  /** Null: no media server. */
  readonly livekit: LivekitOptions['livekit'] | null;
  readonly keyPrefix: string;
  readonly log: MediaLog;
  /** Who has the floor of a group, by the live store. Throws when it does not answer. */
  readonly publishers: (groupId: string) => Promise<Floor>;
  readonly guard: GuardPorts;
  /** Unix time in milliseconds. */
  readonly nowMs: () => number;
}

/** The media server of the configuration, and who guards its rooms. */
export function createMedia(options: MediaOptions): { readonly server: MediaServer; readonly guard: MediaGuard } {
  const { livekit, keyPrefix, log, publishers, nowMs } = options;
  if (livekit === null) return { server: noMediaServer(), guard: noGuard() };
  const reader = new FloorReader({ publishers, leaseMs: floorTimings.leaseMs });
  const floor = (groupId: string): Promise<Floor> => reader.read(groupId);
  const server = new LivekitMediaServer({ livekit, keyPrefix, log, floor });
  const guard = new LivekitGuard({
    rooms: server.rooms,
    enforcer: server.enforcer,
    floor,
    onBack: (listener) => server.onBack(listener),
    showedLife: () => server.showedLife(),
    webhook: new Webhook(livekit, nowMs),
    ports: options.guard,
    times: RECONCILER_TIMES,
    log,
  });
  return { server, guard };
}
