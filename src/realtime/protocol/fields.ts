import { z } from 'zod';

const wholeNumber = z.int().nonnegative();

/** Whole numbers of the wire, each with what it counts. */
export const count = {
  of: (what: string) => wholeNumber.describe(what),
  ms: (what: string) => wholeNumber.describe(`${what} Milliseconds.`),
};

export const epoch = count.of("One life of the group's live state; a later one has a greater number.");
export const seq = count.of(
  'Number of an event of the group, in a snapshot of the last one that is in it; within an epoch one more each.',
);
export const streamId = count.of('The talk in audio packets; below 2³².');
