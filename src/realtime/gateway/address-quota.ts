/** Sockets before READY, counted by address. */
export class AddressQuota {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place; null when the address has none left. The returned function gives it back, once. */
  take(address: string): (() => void) | null {
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#limit) return null;
    this.#counts.set(address, count + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      const left = (this.#counts.get(address) ?? 1) - 1;
      if (left > 0) this.#counts.set(address, left);
      else this.#counts.delete(address);
    };
  }
}
