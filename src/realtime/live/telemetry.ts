import type { Telemetry } from '../../telemetry.ts';

/** What the live groups tell operators. None of these throws. */
export type FloorTelemetry = Pick<Telemetry, 'talkRequested' | 'talkStarted' | 'talkEnded'>;
