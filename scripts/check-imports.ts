/**
 * Applies the import rules to the source, and proves that they can fail: in test/import-rules every rule is broken.
 */
import { globSync } from 'node:fs';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { cruiseOptions, importRules } from './import-rules.ts';

const FOLDERS = ['src', 'test', 'clients', 'scripts'];
const KNOWN_BAD = 'test/import-rules';

async function look(baseDir: string, folders: string[], exclude: string): Promise<ICruiseResult> {
  const { output } = await cruise(folders, {
    ...cruiseOptions,
    baseDir,
    exclude,
    validate: true,
    ruleSet: { forbidden: importRules },
  });
  if (typeof output === 'string') throw new Error(output);
  return output;
}

const faults: string[] = [];

const real = await look(process.cwd(), FOLDERS, `^${KNOWN_BAD}/`);
for (const { rule, from, to } of real.summary.violations) {
  const found = importRules.find(({ name }) => name === rule.name);
  faults.push(`${from} -> ${to}: ${rule.name} (${found?.comment ?? ''})`);
}
const files = globSync(`{${FOLDERS.join(',')}}/**/*.ts`).filter((file) => !file.startsWith(KNOWN_BAD));
const seen = new Set(real.modules.map(({ source }) => source));
for (const file of files) {
  if (!seen.has(file)) faults.push(`${file} was not looked at`);
}
if (files.length === 0) faults.push('there is no source to look at');

const bad = await look(`${process.cwd()}/${KNOWN_BAD}`, ['src', 'test', 'clients'], 'nothing');
const broken = new Set(bad.summary.violations.map(({ rule }) => rule.name));
for (const { name } of importRules) {
  if (!broken.has(name)) faults.push(`the rule ${name} reports nothing in ${KNOWN_BAD}, where it is broken`);
}

for (const fault of faults) console.error(fault);
console.log(`import rules: ${importRules.length} rules, ${files.length} files, ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
