// the-rest-meets-domains-at-index
import { service } from '../users/service.ts';

export const guard = service;
