import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FloorWalk } from './protocol-page-floor-walk.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'floor-states.md'), 'utf8');
const WALKS = 4_000;
const EVENTS = 60;
const SEED = 20_261_121;

/** The arrows of the diagram, `from | event | to`, one for each event that stands on an arrow. */
const drawn = [...page.matchAll(/^ {2}(\S+) --> (\S+) : (.+)$/gm)].flatMap(([, from, to, events = '']) =>
  events.split(/, |<br>/).map((event) => `${from} | ${event} | ${to}`),
);

/** Small and the same everywhere (mulberry32). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const seen = new Set<string>();

beforeAll(() => {
  const draw = numbersFrom(SEED);
  for (let walk = 0; walk < WALKS; walk += 1) {
    const group = new FloorWalk(seen, draw);
    for (let event = 0; event < EVENTS; event += 1) group.go();
  }
});

describe('the diagram of docs/floor-states.md', () => {
  it('has an arrow for everything that the state machine does', () => {
    expect([...seen].filter((change) => !drawn.includes(change)).toSorted()).toEqual([]);
  });

  it('has no arrow for what it does not', () => {
    expect(drawn.filter((arrow) => !seen.has(arrow))).toEqual([]);
  });

  it('has each arrow once', () => {
    expect(drawn).toHaveLength(new Set(drawn).size);
    expect(drawn.length).toBeGreaterThan(30);
  });
});
