import { addressKey } from '../../infra/address-key.ts';

/** Sockets before READY, counted by address, of IPv6 by network. */
export class AddressQuota {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place; null when the address has none left. The returned function gives it back, once. */
  take(address: string): (() => void) | null {
    const key = addressKey(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#limit) return null;
    this.#counts.set(key, count + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}
