import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { bareEnvironment } from './child-server.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

/** The deployment files as data: what compose makes of its files, and the lines of the Dockerfile. */

const run = promisify(execFile);
export const repository = join(import.meta.dirname, '..', '..');

const service = z.looseObject({
  image: z.string().optional(),
  entrypoint: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  secrets: z.array(z.looseObject({ source: z.string() })).default([]),
  networks: z.record(z.string(), z.looseObject({ ipv4_address: z.string().optional() }).nullable()).default({}),
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
  ports: z
    .array(
      z.union([
        z.string(),
        z.looseObject({
          host_ip: z.string().optional(),
          target: z.int(),
          published: z.coerce.string(),
          protocol: z.string().default('tcp'),
        }),
      ]),
    )
    .default([]),
  volumes: z
    .array(z.union([z.string(), z.looseObject({ type: z.string(), source: z.string(), target: z.string() })]))
    .default([]),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({}).optional(),
});
const composition = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
  secrets: z.record(z.string(), z.looseObject({ file: z.string() })).default({}),
  networks: z
    .record(
      z.string(),
      z.looseObject({
        internal: z.boolean().default(false),
        ipam: z.looseObject({ config: z.array(z.record(z.string(), z.string())) }).optional(),
      }),
    )
    .default({}),
});
export type Composition = z.infer<typeof composition>;

/** What compose puts on top of docker-compose.yml. */
export const onTop = { development: 'docker-compose.override.yml', production: 'compose.production.yml' } as const;

/** The files of a deployment as compose itself understands them, with these variables set and no `.env`. */
export async function readComposition(
  variables: Readonly<Record<string, string>> = {},
  purpose: keyof typeof onTop = 'development',
): Promise<Composition> {
  const directory = await makeTemporaryDirectory('compose');
  try {
    const noVariables = join(directory, 'env');
    await writeFile(noVariables, '');
    const { stdout } = await run(
      'docker-compose',
      ['--file', 'docker-compose.yml', '--file', onTop[purpose], '--env-file', noVariables, 'config'],
      {
        cwd: repository,
        env: { ...bareEnvironment(), ...variables },
      },
    );
    return composition.parse(parse(stdout));
  } finally {
    await removeDirectory(directory);
  }
}

/** The environment of one service as its process sees it: variables without a value are not set. */
export function environmentOf(composition: Composition, name: string): Record<string, string> {
  const entries = Object.entries(composition.services[name]?.environment ?? {});
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])));
}

export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of the Dockerfile, continued lines joined. */
export async function readDockerfile(): Promise<Instruction[]> {
  const text = await readFile(join(repository, 'Dockerfile'), 'utf8');
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...rest] = line.split(' ');
      return { name, rest: rest.join(' ').trim() };
    });
}

/** The instructions of each stage, the image's own last. */
export function stagesOf(instructions: readonly Instruction[]): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') stages.push([]);
    stages.at(-1)?.push(instruction);
  }
  return stages;
}

/** What instructions copy from the repository: paths and where they go. */
export function copiedPaths(instructions: readonly Instruction[]): { readonly path: string; readonly to: string }[] {
  return instructions
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
    .flatMap(({ rest }) => {
      const paths = rest.split(/\s+/);
      const to = paths.at(-1) ?? '';
      return paths.slice(0, -1).map((path) => ({ path, to }));
    });
}
