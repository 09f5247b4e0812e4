// storage-only-in-repositories, domains-meet-at-index
import { sql } from 'drizzle-orm';
import { findUser } from '../users/repo.ts';

export const service = [sql, findUser];
