import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { lineOfText, linesOfText, nameText } from './contract.ts';

const name = nameText(1, 64);
const england = String.fromCodePoint(0x1f3f4, 0xe0067, 0xe0062, 0xe0065, 0xe006e, 0xe0067, 0xe007f);
const tag = (letter: string) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0));

/** Whether the schema for the API document takes a value: it must say what the server does. */
function isDocumented(schema: z.ZodType, value: string): boolean {
  return new Ajv2020({ strict: false }).compile(z.toJSONSchema(schema, { io: 'input' }))(value);
}

function messagesOf(schema: z.ZodType, value: string): string[] {
  return schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];
}

describe('a name', () => {
  it.each([
    ['of one character', 'A', 'A'],
    ['with spaces around it', ' \u3000Dora Delta\ufeff', 'Dora Delta'],
    ['of a family of emoji', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
    ['with a heart in colour', '\u2764\ufe0f', '\u2764\ufe0f'],
    [
      'in Persian',
      '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
      '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
    ],
    ['with marks of direction', 'a\u200e\u200fb', 'a\u200e\u200fb'],
    ['with the flag of England', `Team ${england}`, `Team ${england}`],
    ['with two flags and a black one', `${england}${england}\u{1f3f4}`, `${england}${england}\u{1f3f4}`],
    ['in parts that are one', 'e\u0301', '\u00e9'],
    ['with a soft hyphen in it', 'Donau\u00addampf', 'Donau\u00addampf'],
    ['of 64 characters beyond U+FFFF', '\u{1f600}'.repeat(64), '\u{1f600}'.repeat(64)],
  ])('may be one %s', (_title, given, stored) => {
    expect(name.parse(given)).toBe(stored);
    expect(isDocumented(name, given)).toBe(true);
  });

  const invisible = 'must hold a visible character';
  const direction = 'must hold no characters that turn the direction of text (U+202A to U+202E, U+2066 to U+2069)';
  const noncharacter = 'must hold no noncharacters, such as U+FFFF';
  const stray = 'must hold no tag characters but those of emoji flags';
  const control = 'must hold no control characters';
  it.each([
    ['', 'must be 1 to 64 characters long'],
    ['  ', 'must be 1 to 64 characters long'],
    ['a'.repeat(65), 'must be 1 to 64 characters long'],
    ['a\u0000b', control],
    ['a\nb', control],
    ['a\u0085b', control],
    ['a\u2028b', control],
    ['\u200b', invisible],
    ['\u00ad', invisible],
    ['\u3164', invisible],
    ['\u2800', invisible],
    ['\u115f\u1160', invisible],
    ['\uffa0', invisible],
    ['\u200d\ufe0f \u2060', invisible],
    ['\u200e\u200f', invisible],
    ['\u{e0100}', invisible],
    ['\u{1d159}', invisible],
    ['admin\u202egnp', direction],
    ['a\u202ab', direction],
    ['a\u2066b\u2069', direction],
    ['a\uffff', noncharacter],
    ['a\ufffe', noncharacter],
    ['a\ufdd0', noncharacter],
    ['a\u{1ffff}', noncharacter],
    ['a\u{10fffe}', noncharacter],
    [`a${tag('x')}`, stray],
    [tag('x'), stray],
    [`\u{1f3f4}${tag('g')}`, stray],
    [`\u{1f3f4}${tag('g')}a`, stray],
    [`\u{1f3f4}${String.fromCodePoint(0xe007f)}`, stray],
    [`\u{1f3f4}${tag('A')}${String.fromCodePoint(0xe007f)}`, stray],
    [`${england}${tag('x')}`, stray],
    [`${england}${String.fromCodePoint(0xe007f)}`, stray],
  ])('may not be %j: %s', (given, message) => {
    expect(messagesOf(name, given)).toEqual([message]);
    expect(isDocumented(name, given)).toBe(false);
  });
});

it.each([
  ['a name', name],
  ['a line', lineOfText(0, 64)],
  ['a description', linesOfText(0, 500)],
])('%s of half a character is told so', (_title, schema) => {
  for (const given of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
    expect(messagesOf(schema, given)).toEqual(['must be whole Unicode characters, without lone surrogates']);
  }
});

it('all text that is no name is taken with what Unicode has for it', () => {
  for (const [schema, given] of [
    [lineOfText(0, 64), '\u200b'],
    [lineOfText(0, 64), ''],
    [linesOfText(0, 500), 'two\nlines\tand \u202e'],
  ] as const) {
    expect(messagesOf(schema, given)).toEqual([]);
    expect(isDocumented(schema, given)).toBe(true);
  }
});
