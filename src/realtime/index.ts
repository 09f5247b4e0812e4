export { registerMediaWebhook } from './webhook/routes.ts';
export { registerRealtimeRoutes } from './routes.ts';
export { createRealtime, type Realtime } from './service.ts';
export { exportGatewayMetrics, isSocketUpgrade, registerGateway } from './gateway/index.ts';
export { exportRelayMetrics } from './relay/index.ts';
export { type FloorHistorySource, FloorStoreUnavailable, type GroupLife, type HistoryEntry } from './floor/index.ts';
export { createMediaGate, exportGuardMetrics, type MediaGate, type MediaProbe, probeLivekit } from './media/index.ts';
