/** An open bracket: the keys so far of an object, `undefined` for an array, and where in it the text stands. */
interface Open {
  readonly keys: Set<string> | undefined;
  at: string | number;
}

const nameLimit = 100;

/**
 * Where an object of this JSON text holds a key twice, if anywhere: `JSON.parse` would silently keep the last. The
 * path is that of the second one, such as `device.name` or `list.0.name`, with long names cut. `text` is valid JSON.
 * Keys are compared as written values, so `"a"` and `"\u0061"` are the same.
 */
export function firstDuplicateKey(text: string): string | undefined {
  const open: Open[] = [];
  let expectsKey = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    const innermost = open.at(-1);
    if (character === '{') {
      open.push({ keys: new Set(), at: '' });
      expectsKey = true;
    } else if (character === '[') {
      open.push({ keys: undefined, at: 0 });
      expectsKey = false;
    } else if (character === '}' || character === ']') {
      open.pop();
      expectsKey = false;
    } else if (character === ',') {
      expectsKey = innermost?.keys !== undefined;
      if (typeof innermost?.at === 'number') innermost.at += 1;
    } else if (character === '"') {
      const end = endOfString(text, index);
      if (expectsKey && innermost !== undefined) {
        const written = text.slice(index + 1, end);
        const key = written.includes('\\') ? String(JSON.parse(`"${written}"`)) : written;
        innermost.at = key;
        if (innermost.keys?.has(key) === true) return pathOf(open);
        innermost.keys?.add(key);
        expectsKey = false;
      }
      index = end;
    }
  }
  return undefined;
}

function pathOf(open: readonly Open[]): string {
  return open.map(({ at }) => String(at).slice(0, nameLimit)).join('.');
}

/** The index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let index = text.indexOf('"', start + 1);
  while (isEscaped(text, index)) index = text.indexOf('"', index + 1);
  return index;
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(text: string, index: number): boolean {
  let first = index;
  while (text[first - 1] === '\\') first -= 1;
  return (index - first) % 2 === 1;
}
