export { exportRelayMetrics } from './metrics.ts';
export { createVoiceRelay, relayMedia, type VoiceRelay } from './voice-relay.ts';
