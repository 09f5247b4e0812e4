// infra-knows-no-domain
import { groups } from '../groups/index.ts';

export const keys = groups;
