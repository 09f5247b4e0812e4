/** Commands of a page, and what it says that they print; null where it says nothing. */
export interface Example {
  readonly title: string;
  readonly commands: string;
  readonly answers: readonly string[] | null;
}

/** Every `sh` block of a Markdown page, with the `json` or `text` block that follows it. */
export function examplesOf(page: string): Example[] {
  const examples: Example[] = [];
  let title = '';
  const pattern = /^#+ (?<title>.+)$|^```(?<language>sh|json|text)\n(?<body>[\s\S]*?)^```$/gm;
  for (const { groups } of page.matchAll(pattern)) {
    const { language, body = '' } = groups ?? {};
    if (groups?.['title'] !== undefined) title = groups['title'];
    else if (language === 'sh') examples.push({ title, commands: body, answers: null });
    else {
      const last = examples.pop();
      if (last === undefined || last.answers !== null) throw new Error(`An answer without commands: ${body}`);
      examples.push({ ...last, answers: language === 'json' ? [body] : linesOf(body) });
    }
  }
  return examples;
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Whether a line is what the page shows: JSON by its value, other text as it is; `…` stands for anything. */
export function matches(shown: string): (line: unknown) => boolean {
  return (line) => {
    if (typeof line !== 'string') return false;
    const expected = tryToParse(shown);
    return typeof expected === 'object' ? isAlike(expected, tryToParse(line)) : isText(shown, line);
  };
}

function isAlike(expected: unknown, actual: unknown): boolean {
  if (typeof expected === 'string') return typeof actual === 'string' && isText(expected, actual);
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => isAlike(item, actual[index]))
    );
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return false;
    const [wanted, found] = [new Map(Object.entries(expected)), new Map(Object.entries(actual))];
    return (
      wanted.size === found.size &&
      [...wanted].every(([key, value]) => found.has(key) && isAlike(value, found.get(key)))
    );
  }
  return expected === actual;
}

function isText(shown: string, actual: string): boolean {
  const parts = shown.trim().split('…');
  const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.+');
  return new RegExp(`^${pattern}$`, 'su').test(actual.trim());
}

function tryToParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
