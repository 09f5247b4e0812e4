/**
 * Makes what differs from run to run the same in each: ids get the name of what they are of, tokens and addresses go,
 * times and the epoch are those of one day. What is fixed by the protocol or the scene stays.
 */
export class Names {
  /** Fields whose value depends on when the run was, and what the page shows instead. */
  readonly times: Record<string, number> = { elapsedMs: 322, durationMs: 697, tokenExpiresInMs: 599_335 };
  readonly #ids = new Map<string, string>();
  readonly #talks = new Map<string, string>();
  readonly #streams = new Map<number, number>();
  readonly #epochs = new Map<number, number>();

  /** From now on the page shows this id as `<name>`. */
  learn(id: string, name: string): void {
    this.#ids.set(id, `<${name}>`);
  }

  /** The message as it stands on the page, its fields in the order of the wire. */
  plain(value: unknown, field = ''): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => this.plain(item));
      // Who is there is a set: its order is by chance.
      return field === 'presence' ? items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.plain(inner, key)]));
    }
    if (typeof value === 'string') return this.#text(value, field);
    return typeof value === 'number' ? this.#number(value, field) : value;
  }

  #text(value: string, field: string): string {
    switch (field) {
      case 'talkId':
        return entry(this.#talks, value, (count) => `<talk ${count + 1}>`);
      case 'token':
        return '<token>';
      case 'url':
        return 'wss://sound.example';
      case 'connectionId':
        return '<connection>';
      case 'requestId':
        return '<request>';
      case 'createdAt':
      case 'lastSeenAt':
        return '2026-11-21T13:44:30.103Z';
      default:
        return [...this.#ids].reduce((text, [id, name]) => text.replaceAll(id, name), value);
    }
  }

  #number(value: number, field: string): number {
    switch (field) {
      case 'epoch':
        return entry(this.#epochs, value, (count) => 6_090_237_949 + count * 2 ** 32);
      case 'streamId':
        return entry(this.#streams, value, (count) => 4_268_637_887 + count);
      case 'remainingMs':
        return [0, 1_000, 20_000, 60_000].includes(value) ? value : 59_678;
      default:
        return this.times[field] ?? value;
    }
  }
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: (count: number) => Value): Value {
  const known = map.get(key) ?? make(map.size);
  map.set(key, known);
  return known;
}
