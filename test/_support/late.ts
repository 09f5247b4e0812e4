import { setTimeout as pause } from 'node:timers/promises';

const LIMIT_MS = Number(process.env['TEST_LATE_MS'] ?? 0);

/** Whether anything is held back at all. */
export const isLate = LIMIT_MS > 0;

/**
 * Holds back what happens on one socket, in its order, each by a random time of at most `TEST_LATE_MS` milliseconds;
 * without it everything happens at once. Messages to two clients come nearly together on loopback, so that a test which
 * takes for granted which one is first passes a thousand times. With this it fails soon.
 */
export class Late {
  #last: Promise<unknown> = Promise.resolve();

  happen(act: () => void): void {
    if (!isLate) act();
    else this.#last = Promise.all([this.#last, pause(Math.random() * LIMIT_MS)]).then(act);
  }
}

/** Holds back one answer that stands in no order with others, in the same way. */
export async function comeLate(): Promise<void> {
  if (isLate) await pause(Math.random() * LIMIT_MS);
}
