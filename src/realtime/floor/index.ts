export * from './envelope.ts';
export * from './model.ts';
export * from './store.ts';
