/** EX_CONFIG of sysexits.h: what is wrong can be put right by a variable. */
export const configExitCode = 78;
/** EX_UNAVAILABLE of sysexits.h: a server that is needed does not answer; the same may succeed later. */
export const unavailableExitCode = 69;
/** The command line is wrong, as shells and most tools say it. */
export const usageExitCode = 2;

/** Why the process does not start, said in one line with the way out. Printed without a stack. */
export class StartFault extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'StartFault';
    this.exitCode = exitCode;
  }
}

/** The `code` of a system error (`EACCES`, `EADDRINUSE`, …), or '' when the value is none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
