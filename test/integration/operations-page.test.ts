import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../_support/deployment.ts';
import { startInProcess } from './in-process.ts';

const page = readFileSync(join(repository, 'docs', 'operations.md'), 'utf8');

function found(pattern: RegExp): string[] {
  return [...new Set([...page.matchAll(pattern)].map(([, word]) => word ?? ''))].toSorted();
}

test('the page on operations names every measurement of ours, and none that is not there', async () => {
  await using server = await startInProcess();
  const { text } = await server.rest.request('GET', '/metrics');
  const measured = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name ?? '');
  const named = found(/\b((?:neda|nodejs|process)_[a-z0-9_]+)/g).map((name) => name.replace(/_(?:bucket|count)$/, ''));
  expect(named.filter((name) => !measured.includes(name))).toEqual([]);
  expect(measured.filter((name) => name.startsWith('neda_') && !named.includes(name))).toEqual([]);
});

test('the page on operations quotes log lines and variables that are there', () => {
  const source = globSync('src/**/*.ts', { cwd: repository })
    .map((file) => readFileSync(join(repository, file), 'utf8'))
    .join('\n');
  const quoted = found(/`([a-z]+(?: [A-Za-z]+){3,})`/g);
  expect(quoted.length).toBeGreaterThan(2);
  expect(quoted.filter((text) => !source.includes(`'${text}'`))).toEqual([]);
  const variables = found(/`((?!GROUP_)[A-Z]+(?:_[A-Z]+)+)`/g);
  expect(variables.length).toBeGreaterThan(5);
  const example = readFileSync(join(repository, '.env.example'), 'utf8');
  expect(variables.filter((name) => !example.includes(`${name}=`))).toEqual([]);
});
