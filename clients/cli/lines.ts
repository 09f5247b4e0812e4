/** A typed line as a message: its text, and the id by which its answer is known. */
export interface LineMessage {
  /** Undefined when the line is no JSON object, or its id is no string: it has no answer to wait for. */
  readonly id: string | undefined;
  readonly text: string;
}

/** The message of a line; undefined for an empty line. An object without an `id` gets `freshId`. */
export function messageFromLine(line: string, freshId: string): LineMessage | undefined {
  if (line.trim() === '') return undefined;
  const message = parseObject(line);
  if (message === undefined) return { id: undefined, text: line };
  const { type, id = freshId, ...fields } = message;
  return { id: typeof id === 'string' ? id : undefined, text: JSON.stringify({ type, id, ...fields }) };
}

/** The ids of messages that have no answer yet. */
export class Unanswered {
  readonly #ids = new Set<string>();
  #count = 0;

  nextId(): string {
    this.#count += 1;
    return String(this.#count);
  }

  sent(id: string): void {
    this.#ids.add(id);
  }

  /** Takes the id off the list when the text is an answer. */
  received(text: string): void {
    const re = parseObject(text)?.['re'];
    if (typeof re === 'string') this.#ids.delete(re);
  }

  isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  list(): string[] {
    return [...this.#ids];
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
