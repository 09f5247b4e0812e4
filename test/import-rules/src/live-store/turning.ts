import type { Index } from './index.ts';

export type Turning = { readonly index: Index };
