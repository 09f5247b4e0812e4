/** The wait is over; the work may still be done. */
export class TooLate extends Error {
  override readonly name = 'TooLate';
}

/** Waits for `work`, at most `limitMs`; rejects with {@link TooLate} then. `work` goes on all the same. */
export async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TooLate(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
