import { z } from 'zod';

/** Text as people write it. Classes are of ECMA-262 that other dialects read alike: they stand in the API document. */

/** What `trim` takes away. */
const spaces = String.raw`\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff`;
/** Cc, Zl and Zp of Unicode. */
const controls = String.raw`\u0000-\u001f\u007f-\u009f\u2028\u2029`;
const controlsButBreaks = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f`;
/** Embeddings, overrides and isolates: they turn around what stands beside a name. Marks (U+200E, U+200F) do not. */
const directions = String.raw`\u202a-\u202e\u2066-\u2069`;
/** For use inside of programs alone: U+FDD0 to U+FDEF, and the last two of each plane. */
const noncharacters = [
  String.raw`\ufdd0-\ufdef\ufffe\uffff`,
  ...Array.from({ length: 16 }, (_, index) => span(0x1fffe + index * 0x10000, 0x1ffff + index * 0x10000)),
].join('');
/** Default_Ignorable_Code_Point of Unicode, and what else is drawn as nothing or as a blank. */
const invisible = [
  spaces,
  String.raw`\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800`,
  String.raw`\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb`,
  ...[span(0x1bca0, 0x1bca3), span(0x1d159, 0x1d159), span(0x1d173, 0x1d17a), span(0xe0000, 0xe0fff)],
].join('');
const nothingVisible = `^[${invisible}]*$`;

const tags = span(0xe0000, 0xe007f);
const flag = String.fromCodePoint(0x1f3f4);
/** Small letters and digits as tags: what stands between a flag and its end. */
const flagTags = span(0xe0030, 0xe0039) + span(0xe0061, 0xe007a);
const otherTags = span(0xe0000, 0xe002f) + span(0xe003a, 0xe0060) + span(0xe007b, 0xe007e);
const flagEnd = String.fromCodePoint(0xe007f);
/** A tag character that belongs to no emoji flag, which is a flag, tags and an end (UTS #51). */
const strayTag = [
  `(^|[^${flag}${tags}])[${tags}]`,
  `${flag}${flagEnd}`,
  `${flag}[${flagTags}]+([^${flagTags}${flagEnd}]|$)`,
  `${flag}[${otherTags}]`,
  `${flagEnd}[${tags}]`,
].join('|');

interface Rule {
  /** Of what is refused. */
  readonly pattern: string;
  readonly message: string;
}

const rulesOfNames: readonly Rule[] = [
  {
    pattern: `[${directions}]`,
    message: 'must hold no characters that turn the direction of text (U+202A to U+202E, U+2066 to U+2069)',
  },
  { pattern: `[${noncharacters}]`, message: 'must hold no noncharacters, such as U+FFFF' },
  { pattern: strayTag, message: 'must hold no tag characters but those of emoji flags' },
  { pattern: nothingVisible, message: 'must hold a visible character' },
];

/** One line: trimmed, NFC, counted in code points, without control characters. */
export function lineOfText(minimum: number, maximum: number) {
  return text(minimum, maximum, controls);
}

/** Several lines: as {@link lineOfText}, with line breaks and tabs. */
export function linesOfText(minimum: number, maximum: number) {
  return text(minimum, maximum, controlsButBreaks);
}

/**
 * What somebody or something is called, for others to see and to tell from others: one line in which something can be
 * seen and nothing changes how the text around it looks. Joiners may stand in it, as emoji and Persian need them.
 */
export function nameText(minimum: number, maximum: number) {
  return rulesOfNames
    .reduce((schema, rule) => schema.refine(...refusal(rule)), text(minimum, maximum, controls))
    .meta({
      description: `${minimum} to ${maximum} characters, trimmed, at least one of them visible`,
      pattern: patternOf(minimum, maximum, controls + directions + noncharacters),
      not: { pattern: `${nothingVisible}|${strayTag}` },
    });
}

function text(minimum: number, maximum: number, forbidden: string) {
  return z
    .string()
    .refine((value) => value.isWellFormed(), {
      error: 'must be whole Unicode characters, without lone surrogates',
      abort: true,
    })
    .overwrite((value) => value.trim().normalize('NFC'))
    .refine(...refusal({ pattern: `[${forbidden}]`, message: 'must hold no control characters' }))
    .refine(
      (value) => {
        const length = [...value].length;
        return length >= minimum && length <= maximum;
      },
      { error: `must be ${minimum} to ${maximum} characters long`, abort: true },
    )
    .meta({
      description: `${minimum} to ${maximum} characters, trimmed`,
      pattern: patternOf(minimum, maximum, forbidden),
    });
}

function refusal({ pattern, message }: Rule) {
  const refused = new RegExp(pattern, 'u');
  return [(value: string) => !refused.test(value), { error: message, abort: true }] as const;
}

/** What is accepted, before it is trimmed. */
function patternOf(minimum: number, maximum: number, forbidden: string): string {
  const edge = `[^${spaces}${forbidden}]`;
  const inner = `[^${forbidden}]{${Math.max(minimum - 2, 0)},${maximum - 2}}`;
  const trimmed = minimum < 2 ? `${edge}(${inner}${edge})?` : `${edge}${inner}${edge}`;
  return `^[${spaces}]*${minimum > 0 ? trimmed : `(${trimmed})?`}[${spaces}]*$`;
}

/** A span of a class beyond U+FFFF, for which dialects have no escape in common. */
function span(from: number, to: number): string {
  return `${String.fromCodePoint(from)}-${String.fromCodePoint(to)}`;
}
