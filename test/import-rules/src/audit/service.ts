// audit-imports-no-domain
import { groups } from '../groups/index.ts';

export const service = groups;
