import { StandstillWatch } from '../../../clients/headless/standstill.ts';
import type { Field } from './field.ts';

/** floor.md and protocol.md: after a confirmed LISTEN nothing is heard; measured: 0–60 ms. */
export const SILENCE_MS = 400;

export interface Measure {
  readonly what: string;
  readonly measured: number;
  readonly bound: number;
  /** Left out: milliseconds. */
  readonly unit?: 'packets';
}

/** What one attack is measured by. */
export interface Trial {
  readonly field: Field;
  /** Who publishes or listens without the right is out after so long (media.md), with or without webhooks. */
  readonly outWithinMs: number;
  /** Writes a row of the table that is printed at the end, and throws when the bound is broken. */
  holds(measure: Measure): void;
}

/** One attack on the rule that nobody without the floor is heard. */
export interface Attack {
  readonly name: string;
  /** In which runs of the short form it is tried too. */
  readonly short: readonly ('webhooks' | 'lost')[];
  /** Whether it is tried without webhooks as well: left out where no webhook has a part in the answer. */
  readonly alsoWithout?: boolean;
  run(trial: Trial): Promise<void>;
}

/** The measured times of a run. */
export class Measurements {
  readonly #rows: string[][] = [];

  trial(field: Field, attack: string, outWithinMs: number): Trial {
    const watch = new StandstillWatch();
    const beganAtMs = performance.now();
    return {
      field,
      outWithinMs,
      holds: ({ what, measured, bound, unit = 'ms' }) => {
        const [atMost, found] = [`${bound} ${unit}`, `${Math.round(measured)} ${unit}`];
        this.#rows.push([`${attack}: ${what}`, atMost, found]);
        // For so long nobody could be put out, nor be heard.
        const stoodStillMs = unit === 'packets' ? 0 : watch.between(beganAtMs);
        if (measured - stoodStillMs > bound) throw new Error(`${attack}: ${what} ${found}, more than ${atMost}`);
      },
    };
  }

  /** A line for each measured time, in columns. */
  table(): string {
    const rows = [['attack', 'at most', 'measured'], ...this.#rows];
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    const pad = (row: readonly string[]): string[] =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
    return rows.map((row) => pad(row).join(' | ')).join('\n');
  }
}
