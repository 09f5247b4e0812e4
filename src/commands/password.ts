/** Where a command's password comes from. Never from its arguments: every user of the machine sees those. */
import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Secret } from '../config.ts';
import { StartFault, usageExitCode } from '../infra/start-fault.ts';
import { newPassword } from '../users/contract.ts';
import type { CommandRun } from './command.ts';

/** Longer than any password that is taken: what is more does not have to be read. */
const mostBytes = 4096;

/**
 * The password that somebody types twice without seeing it, or the first line of standard input.
 * @param whose the name in the question
 * Throws {@link StartFault} when none comes, when the two differ, or when it breaks the rules; aborts with Ctrl-C.
 */
export async function readPassword(run: CommandRun, whose: string): Promise<Secret> {
  const password = run.terminal.stdin.isTTY === true ? await ask(run, whose) : await firstLine(run);
  const checked = newPassword.safeParse(password);
  if (!checked.success) throw new StartFault(`The password ${checked.error.issues[0]?.message ?? 'is refused'}.`);
  return new Secret(checked.data);
}

async function ask(run: CommandRun, whose: string): Promise<string> {
  const first = await hiddenLine(run, `New password for ${whose} (8 to 256 characters, not shown): `);
  const second = await hiddenLine(run, 'The same again: ');
  if (first !== second) throw new StartFault('The two are not the same. Nothing was changed.');
  return first;
}

/** One line typed without an echo. */
function hiddenLine({ terminal, ending, end }: CommandRun, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.stdin, output: nowhere, terminal: true, historySize: 0 });
  terminal.stderr.write(question);
  return new Promise<string>((resolve, reject) => {
    // In this mode Ctrl-C is a character, not a signal.
    lines.once('SIGINT', () => end(0));
    lines.once('line', resolve);
    lines.once('close', () => reject(new StartFault('No password was given. Nothing was changed.', usageExitCode)));
    ending.addEventListener('abort', () => reject(new Error('interrupted')), { once: true });
  }).finally(() => {
    lines.close();
    terminal.stderr.write('\n');
  });
}

async function firstLine({ terminal }: CommandRun): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of terminal.stdin) {
    const piece: unknown = chunk;
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece));
    chunks.push(bytes);
    size += bytes.length;
    if (bytes.includes(0x0a) || size > mostBytes) break;
  }
  const line = Buffer.concat(chunks).toString('utf8').split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
  if (line === '') {
    throw new StartFault(
      'Standard input holds no password: write it there as one line, or use --generate.',
      usageExitCode,
    );
  }
  return line;
}

/** Without the letters and digits that are taken for one another. */
const letters = 'abcdefghjkmnpqrstuvwxyz23456789';

/** 20 random characters (99 bits) in groups of five, to be read out or typed. */
export function generatePassword(): Secret {
  const group = (): string => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return new Secret([group(), group(), group(), group()].join('-'));
}
