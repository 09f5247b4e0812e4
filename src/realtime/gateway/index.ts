export type { Connection, PreparedFrame } from './connection.ts';
export { prepareFrame } from './frame.ts';
export { createGateway, type Gateway } from './gateway.ts';
export * from './message-module.ts';
export { exportGatewayMetrics } from './metrics.ts';
export { MessageRefused } from './message-refused.ts';
export type { DomainEvent, DomainEvents, GatewayPorts, GatewayTiming, TokenRenewal } from './ports.ts';
export { registerGateway } from './upgrade.ts';
export { isSocketUpgrade } from './upgrade-rules.ts';
