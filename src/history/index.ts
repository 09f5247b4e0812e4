export { createGapRecords } from './gaps.ts';
export { createHistory, type History } from './service.ts';
export { registerHistoryRoutes } from './routes.ts';
