// clients-are-outsiders
import { failures } from '../src/errors.ts';

export const watch = failures;
