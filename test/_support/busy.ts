/**
 * What a machine that has other things to do may take on top of a deadline of the contract, in milliseconds. `until` does
 * not count the time for which the test itself stood still; this is for the servers, which wait for a processor of their own.
 */
export const BUSY_MS = 3_000;
