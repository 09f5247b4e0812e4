export { RedisFloorStore, type RedisFloorStoreOptions, type StoreLife } from './store.ts';
