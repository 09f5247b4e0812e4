import { randomBytes } from 'node:crypto';

/** A part of a secret this long counts as the secret: 12 of 64 possible characters are 72 bits. */
const PART = 12;
const AROUND = 60;

/** Everything that must never be written down, and a search for it in every form that it may have taken. */
export class Secrets {
  readonly #parts = new Map<string, string>();
  readonly #short = new Map<string, string>();

  /** A new one; `extra` stands in it, for characters that forms of writing change. */
  make(label: string, extra = ''): string {
    return this.add(label, `${randomBytes(12).toString('base64url')}${extra}${randomBytes(12).toString('base64url')}`);
  }

  /** One that is there already. */
  add(label: string, value: string): string {
    for (const form of formsOf(value)) {
      if (form.length < PART) this.#short.set(form, label);
      for (let start = 0; start + PART <= form.length; start += 1) {
        this.#parts.set(form.slice(start, start + PART), label);
      }
    }
    return value;
  }

  /** Which of them stand in `text`, each with what stands around it. */
  findIn(place: string, text: string): string[] {
    const found = new Map<string, string>();
    const note = (label: string, at: number): void => {
      if (!found.has(label)) found.set(label, text.slice(Math.max(0, at - AROUND), at + PART + AROUND));
    };
    for (let at = 0; at + PART <= text.length; at += 1) {
      const label = this.#parts.get(text.slice(at, at + PART));
      if (label !== undefined) note(label, at);
    }
    for (const [form, label] of this.#short) {
      const at = text.indexOf(form);
      if (at >= 0) note(label, at);
    }
    return [...found].map(([label, around]) => `${place} holds ${label}: …${around}…`);
  }
}

function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), bytes.toString('hex')];
  // In base64 a text looks different at each of the three places where it may begin.
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]);
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = encoded.toString(encoding).replace(/=+$/, '');
      forms.push(text.slice(before === 0 ? 0 : before + 1, -1));
    }
  }
  return forms;
}
