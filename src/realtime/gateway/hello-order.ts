/**
 * Which HELLO of a session came last to this process, while several are being answered: the later one wins,
 * however long reading about each takes. (Between processes the order of their claims decides.)
 */
export class HelloOrder {
  #last = 0;
  /** The latest HELLO of each session that is being answered. */
  readonly #underWay = new Map<string, number>();

  /** The number of a HELLO that has just come. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** `readyNumber`: of the session's connection, if there is one. */
  isLatest(sessionId: string, number: number, readyNumber: number): boolean {
    if (number < Math.max(readyNumber, this.#underWay.get(sessionId) ?? 0)) return false;
    this.#underWay.set(sessionId, number);
    return true;
  }

  /** A HELLO has been answered. */
  done(sessionId: string, number: number): void {
    if (this.#underWay.get(sessionId) === number) this.#underWay.delete(sessionId);
  }
}
