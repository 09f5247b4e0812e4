import { StartFault, usageExitCode } from '../infra/start-fault.ts';

/** What stands behind `serve`, or behind `npm start --`. */
export type ServeArguments =
  | { readonly kind: 'help' }
  /** `lan`: null without `--lan`; its `address` is null when the best one is to be found. */
  | { readonly kind: 'run'; readonly lan: { readonly address: string | null } | null };

export const serveHelp = `npm start [-- --lan[=ADDRESS]]

Runs the server until it is told to stop; .env.example explains the environment that it reads.

  --lan          for development: listen in this machine's network too, so that phones and watches reach the server.
                 Prints the address, a pairing code, and the command that makes it https. docs/lan.md tells more.
  --lan=ADDRESS  the same at one of several addresses of this machine

Exit codes:
   0  it was told to stop, and did
   1  it could not go on
   2  the command line is wrong
  69  a server that it needs does not answer
  78  the configuration has faults
`;

/** Throws {@link StartFault} with the exit code of a wrong command line. */
export function readServeArguments(args: readonly string[]): ServeArguments {
  if (args.some((word) => word === '--help' || word === '-h')) return { kind: 'help' };
  let lan: { readonly address: string | null } | null = null;
  for (const word of args) {
    const [, option, address = null] = /^(--lan)(?:=(.*))?$/s.exec(word) ?? [];
    if (option === undefined) throw wrongUsage(`"${word}" is nothing that the server takes.`);
    if (lan !== null) throw wrongUsage('--lan is given twice.');
    if (address === '') throw wrongUsage('--lan= is without an address.');
    lan = { address };
  }
  return { kind: 'run', lan };
}

function wrongUsage(reason: string): StartFault {
  return new StartFault(`${reason}\n\n${serveHelp}`, usageExitCode);
}
