// repositories-know-their-tables
import { findUser } from '../users/repo.ts';

export const findGroup = findUser;
