export * from './client-messages.ts';
export * from './close-codes.ts';
export * from './error-codes.ts';
export * from './objects.ts';
export * from './server-messages.ts';
