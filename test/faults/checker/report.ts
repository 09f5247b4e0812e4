/** The rules of floor.md and protocol.md that a history is held to. */
export type Rule =
  | 'order'
  | 'equal events'
  | 'one open talk'
  | 'one end'
  | 'one row'
  | 'one grant'
  | 'rightful end'
  | 'nothing granted'
  | 'answers'
  | 'views'
  | 'outsiders'
  | 'leaks';

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

/** Collects what breaks a rule. */
export class Findings {
  readonly violations: Violation[] = [];

  add(rule: Rule, detail: string): void {
    this.violations.push({ rule, detail });
  }
}
