// no-cycles, and of a type only; no-unresolved
import type { Turning } from './turning.ts';
import 'a-package-that-is-not-there';

export type Index = { readonly turning: Turning };
