import { defineConfig } from 'vitest/config';

const NEEDS_POSTGRES = ['test/_support/global-postgres.ts'];

/** Groups run one after the other; within a group two files at a time, as the smallest machines have two cores. */
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    // Only what hangs shall end by these: a machine may have other things to do.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    setupFiles: ['test/_support/patience.ts'],
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{src,clients,scripts}/**/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: 'contract', include: ['test/contract/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: NEEDS_POSTGRES,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'acceptance',
          include: ['test/acceptance/**/*.test.ts'],
          globalSetup: NEEDS_POSTGRES,
          sequence: { groupOrder: 1 },
        },
      },
      // Audio, injected faults and measurements have deadlines: they get the machine for themselves, one file at a time.
      {
        extends: true,
        test: {
          name: 'media',
          include: ['test/media/**/*.test.ts'],
          globalSetup: NEEDS_POSTGRES,
          testTimeout: 180_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          globalSetup: NEEDS_POSTGRES,
          testTimeout: 180_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'bench',
          include: ['test/bench/**/*.test.ts'],
          globalSetup: NEEDS_POSTGRES,
          testTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
