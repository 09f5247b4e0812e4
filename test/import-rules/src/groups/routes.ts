// routes-know-no-storage
import { findGroup } from './repo.ts';

export const routes = findGroup;
