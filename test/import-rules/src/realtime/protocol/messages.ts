// contracts-import-zod-only
import { failures } from '../../errors.ts';

export const messages = failures;
