/** `npm run check`: types, lint, format, import rules, dead code. Says what failed and how long each took. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const CHECKS: Readonly<Record<string, readonly string[]>> = {
  types: ['tsc', '--noEmit'],
  'types of the talk page': ['tsc', '--noEmit', '--project', 'clients/web'],
  lint: ['oxlint', '--deny-warnings'],
  format: ['oxfmt', '--check'],
  imports: ['node', 'scripts/check-imports.ts'],
  'dead code': ['knip'],
};

async function check(name: string, [program = '', ...args]: readonly string[]): Promise<boolean> {
  const startedAtMs = performance.now();
  const child = spawn(`node_modules/.bin/${program}`, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const passed = child.exitCode === 0;
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!passed) console.log(`${stdout}${stderr}`);
  return passed;
}

const results = await Promise.all(Object.entries(CHECKS).map(([name, command]) => check(name, command)));
process.exitCode = results.every(Boolean) ? 0 : 1;
