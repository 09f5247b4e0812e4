// schemas-meet-schemas-only
import { service } from '../users/service.ts';

export const table = service;
