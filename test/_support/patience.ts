import { vi } from 'vitest';

/** As `expect.poll` has it in vitest.config.ts. Of its own, `vi.waitFor` gives up after a second. */
const LIMIT_MS = 15_000;

const waitFor = vi.waitFor.bind(vi);
vi.waitFor = (look, options) =>
  waitFor(look, typeof options === 'number' ? { timeout: options } : { timeout: LIMIT_MS, ...options });
