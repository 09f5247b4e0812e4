/** Limit of one call to the media server about somebody, in milliseconds. */
export const CALL_MS = 1_000;
/** The list of all rooms, or of all in a large room, takes longer. */
export const LIST_MS = 2_000;
