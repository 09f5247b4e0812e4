/**
 * The first key that an object of this JSON text holds twice, if any: `JSON.parse` would silently keep the last.
 * `text` is valid JSON. Keys are compared as written values, so `"a"` and `"\u0061"` are the same.
 */
export function firstDuplicateKey(text: string): string | undefined {
  /** One entry per open bracket: the keys so far of an object, `undefined` for an array. */
  const open: Array<Set<string> | undefined> = [];
  let expectsKey = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '{') {
      open.push(new Set());
      expectsKey = true;
    } else if (character === '[') {
      open.push(undefined);
      expectsKey = false;
    } else if (character === '}' || character === ']') {
      open.pop();
      expectsKey = false;
    } else if (character === ',') {
      expectsKey = open.at(-1) !== undefined;
    } else if (character === '"') {
      const end = endOfString(text, index);
      if (expectsKey) {
        const key = String(JSON.parse(text.slice(index, end + 1)));
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
        expectsKey = false;
      }
      index = end;
    }
  }
  return undefined;
}

/** The index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
}
