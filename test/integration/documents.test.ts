import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { repository } from '../_support/deployment.ts';

const manifestSchema = z.object({
  scripts: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')));
const sources = globSync('{src,test,clients,scripts}/**/*.{ts,lua}', { cwd: repository });
const pages = globSync(['*.md', 'docs/**/*.md', 'test/*/README.md'], { cwd: repository });

function linesOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found]) => found ?? '');
}

describe('the documents', () => {
  it('are found', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/decisions/README.md']));
  });

  it.each(pages)('%s links to what is there', (page) => {
    const text = readFileSync(join(repository, page), 'utf8');
    const links = linesOf(text, /\]\(([^)#\s]+)[^)]*\)/g).filter((link) => !/^[a-z]+:/.test(link));
    const broken = links.filter((link) => !existsSync(join(repository, dirname(page), link)));
    expect(broken).toEqual([]);
  });

  it.each(pages)('%s names scripts of package.json and paths of the tree', (page) => {
    const text = readFileSync(join(repository, page), 'utf8');
    const scripts = linesOf(text, /npm run (?:--silent )?([a-z][a-z:-]*)/g);
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);

    const paths = linesOf(text, /`((?:src|test|scripts|clients|docs|migrations|\.ci)\/[\w./*-]*)`/g);
    expect(paths.filter((path) => globSync(path, { cwd: repository }).length === 0)).toEqual([]);
  });

  it.each(pages)('%s names source files by the end of their path', (page) => {
    const text = readFileSync(join(repository, page), 'utf8');
    const names = linesOf(text, /`([\w-]+(?:\/[\w-]+)*\.(?:ts|lua))`/g);
    expect(names.filter((name) => !sources.some((path) => `/${path}`.endsWith(`/${name}`)))).toEqual([]);
  });

  it('name every folder of the source, the tests and the clients', () => {
    const text = readFileSync(join(repository, 'docs/architecture.md'), 'utf8');
    const named = linesOf(text, /`([\w./-]+)\/`/g);
    const folders = new Set(sources.map((path) => dirname(path)).filter((path) => path.includes('/')));
    const unnamed = [...folders].filter(
      (folder) => !folder.startsWith('test/import-rules/') && !named.some((name) => `/${folder}`.endsWith(`/${name}`)),
    );
    expect(unnamed).toEqual([]);
  });

  it('give a reason for every dependency, and for no other', () => {
    const text = readFileSync(join(repository, 'docs/decisions/dependencies.md'), 'utf8');
    const explained = linesOf(text, /^\| (\S+) \| [^|]+ \|$/gm).filter((name) => name !== 'package');
    const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    expect(explained.toSorted()).toEqual(declared.toSorted());
  });

  it('list every decision', () => {
    const index = readFileSync(join(repository, 'docs/decisions/README.md'), 'utf8');
    const records = globSync('*.md', { cwd: join(repository, 'docs/decisions') }).filter(
      (name) => name !== 'README.md',
    );
    expect(records.filter((name) => !index.includes(`](${name})`))).toEqual([]);
  });
});
