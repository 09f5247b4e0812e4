export * from './envelope.ts';
export * from './history-source.ts';
export * from './machine.ts';
export * from './model.ts';
export * from './store.ts';
