const WIDTH = 118;

/** A message as compact JSON under a heading such as `Bob   > `, broken into lines where it is long. */
export function printMessage(heading: string, value: unknown): string[] {
  const [first = '', ...rest] = print(value, WIDTH - heading.length);
  return [heading + first, ...rest.map((line) => ' '.repeat(heading.length) + line)];
}

/** The lines of a value; those after the first stand one column further in. */
function print(value: unknown, width: number): string[] {
  const compact = JSON.stringify(value);
  if (compact.length <= width || typeof value !== 'object' || value === null) return [compact];
  if (Array.isArray(value)) {
    const items: unknown[] = value;
    return fill(
      '[',
      items.map((item) => print(item, width - 2)),
      ']',
      width,
    );
  }
  const entries = Object.entries(value).map(([key, field]) => {
    const name = `${JSON.stringify(key)}:`;
    const [first = '', ...rest] = print(field, width - name.length - 2);
    return [name + first, ...rest.map((line) => ' '.repeat(name.length) + line)];
  });
  return fill('{', entries, '}', width);
}

/** As many items on a line as fit. */
function fill(open: string, items: readonly string[][], close: string, width: number): string[] {
  const lines: string[] = [];
  let line = open;
  items.forEach((item, index) => {
    const end = index === items.length - 1 ? close : ',';
    const [first = '', ...rest] = item;
    const fits = rest.length === 0 && line.length + first.length + 1 <= width;
    if (line !== open && !fits) {
      lines.push(line);
      line = ' ';
    }
    line += first;
    for (const next of rest) {
      lines.push(line);
      line = ` ${next}`;
    }
    line += end;
  });
  return [...lines, line];
}
