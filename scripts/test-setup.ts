/** Puts the real servers that the tests need on this machine. Run by `npm test`; alone: `npm run test:setup`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { findOnPath, isExecutable, run } from './run.ts';

const LIVEKIT_VERSION = 'v1.13.5';
const LIVEKIT_PACKAGE = 'github.com/livekit/livekit-server/cmd/server';

const REQUIREMENTS = join(import.meta.dirname, '..', 'test', 'fuzz', 'requirements.txt');

/** Thrown with what the user can do. */
export class SetupFault extends Error {}

/** Throws `SetupFault` when something is missing and cannot be put there. */
export async function setUp(): Promise<void> {
  await provideRedis();
  await provideCompose();
  await provideCurl();
  await provideChromium();
  await provideCaddy();
  await provideLivekit();
  await provideSchemathesis();
}

async function provideRedis(): Promise<void> {
  const given = process.env['REDIS_SERVER'];
  if (given !== undefined) return expectExecutable('REDIS_SERVER', given);
  if (findOnPath('redis-server') === undefined) {
    await installWithApt('redis-server', 'Install Redis 7 or later, or set REDIS_SERVER to the path of redis-server.');
  }
}

async function provideCurl(): Promise<void> {
  if (findOnPath('curl') === undefined) await installWithApt('curl', 'Install curl: the tests run the README with it.');
}

async function provideChromium(): Promise<void> {
  const given = process.env['CHROMIUM'];
  if (given !== undefined) return expectExecutable('CHROMIUM', given);
  if (findOnPath('chromium') === undefined) {
    await installWithApt('chromium', 'Install Chromium as chromium on PATH, or set CHROMIUM to its path.');
  }
}

async function provideCaddy(): Promise<void> {
  const given = process.env['CADDY'];
  if (given !== undefined) return expectExecutable('CADDY', given);
  if (findOnPath('caddy') === undefined) {
    await installWithApt('caddy', 'Install Caddy 2.6 or later as caddy on PATH, or set CADDY to its path.');
  }
}

async function provideCompose(): Promise<void> {
  if (findOnPath('docker-compose') === undefined) {
    await installWithApt('docker-compose', 'Install docker-compose: the tests let it parse docker-compose.yml.');
  }
}

async function provideLivekit(): Promise<void> {
  const given = process.env['LIVEKIT_SERVER'];
  if (given !== undefined) return expectExecutable('LIVEKIT_SERVER', given);
  if (findOnPath('livekit-server') !== undefined) return;
  const file = livekitInCache();
  if (isExecutable(file)) return;

  const remedy = `Put livekit-server ${LIVEKIT_VERSION} on PATH or set LIVEKIT_SERVER to its path.`;
  const go = findOnPath('go') ?? ['/usr/local/go/bin/go'].find(isExecutable);
  if (go === undefined)
    throw new SetupFault(`livekit-server is missing, and without Go 1.26 it cannot be built.\n${remedy}`);
  console.log(`Building livekit-server ${LIVEKIT_VERSION}; this takes some minutes, once.`);
  // Built beside its place and renamed: an interrupted build leaves nothing that looks finished.
  const workshop = `${dirname(file)}.${process.pid}`;
  await mkdir(workshop, { recursive: true });
  try {
    const code = await run(go, ['install', `${LIVEKIT_PACKAGE}@${LIVEKIT_VERSION}`], {
      cwd: workshop,
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: workshop, GOFLAGS: '' },
    });
    if (code !== 0) throw new SetupFault(`livekit-server could not be built (go answered ${code}).\n${remedy}`);
    await mkdir(dirname(file), { recursive: true });
    await rename(join(workshop, 'server'), file);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

export function livekitInCache(): string {
  return join(cacheDirectory(), 'livekit-server', LIVEKIT_VERSION, 'livekit-server');
}

/** Schemathesis in a Python environment of its own, with exactly the packages of test/fuzz/requirements.txt. */
async function provideSchemathesis(): Promise<void> {
  const given = process.env['SCHEMATHESIS_PYTHON'];
  if (given !== undefined) return expectExecutable('SCHEMATHESIS_PYTHON', given);
  const python = schemathesisPythonInCache();
  if (isExecutable(python)) return;

  const remedy = 'Install Python 3.11 or later with its venv module, or set SCHEMATHESIS_PYTHON to a python with it.';
  const base = await providePython(remedy);
  console.log('Installing Schemathesis; this takes half a minute, once.');
  // Made beside its place and renamed: an interrupted installation leaves nothing that looks finished.
  const place = dirname(dirname(python));
  const workshop = `${place}.${process.pid}`;
  await rm(workshop, { recursive: true, force: true });
  try {
    await mkdir(dirname(place), { recursive: true });
    if ((await run(base, ['-m', 'venv', workshop])) !== 0) {
      throw new SetupFault(`${base} could not make an environment for Schemathesis.\n${remedy}`);
    }
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      '--require-hashes',
      '--only-binary',
      ':all:',
    ];
    const code = await run(join(workshop, 'bin', 'python'), ['-m', 'pip', 'install', ...options, '-r', REQUIREMENTS]);
    if (code !== 0) {
      throw new SetupFault(`Schemathesis could not be installed (pip answered ${code}): is PyPI reachable?\n${remedy}`);
    }
    await rm(place, { recursive: true, force: true });
    await rename(workshop, place);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** A python3 that is new enough and can make environments; from apt-get where there is none. */
async function providePython(remedy: string): Promise<string> {
  const isGood = async (python: string | undefined): Promise<boolean> =>
    python !== undefined &&
    (await run(python, ['-c', 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))'])) === 0;
  const found = findOnPath('python3');
  if (found !== undefined && (await isGood(found))) return found;
  await installWithApt('python3', remedy);
  await installWithApt('python3-venv', remedy);
  const installed = ['/usr/bin/python3'].find(isExecutable);
  if (installed !== undefined && (await isGood(installed))) return installed;
  throw new SetupFault(`There is no Python 3.11 or later that can make environments.\n${remedy}`);
}

/** Where the Python of Schemathesis is: a place for each set of pinned packages. */
export function schemathesisPythonInCache(): string {
  const pins = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16);
  return join(cacheDirectory(), 'schemathesis', pins, 'bin', 'python');
}

function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'neda');
}

function expectExecutable(variable: string, file: string): void {
  if (!isExecutable(file)) throw new SetupFault(`${variable} names ${file}, which cannot be run.`);
}

async function installWithApt(name: string, remedy: string): Promise<void> {
  const aptGet = findOnPath('apt-get');
  if (aptGet === undefined)
    throw new SetupFault(`${name} is missing, and there is no apt-get to install it.\n${remedy}`);
  const sudo = process.getuid?.() === 0 ? undefined : findOnPath('sudo');
  if (process.getuid?.() !== 0 && sudo === undefined) {
    throw new SetupFault(`${name} is missing, and only root may install it.\n${remedy}`);
  }
  console.log(`Installing ${name} with apt-get.`);
  const aptGetWith = (...args: string[]): Promise<number> => {
    const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    return sudo === undefined ? run(aptGet, args, options) : run(sudo, ['-n', aptGet, ...args], options);
  };
  await aptGetWith('update', '-q');
  const code = await aptGetWith('install', '-y', '-q', '--no-install-recommends', name);
  if (code !== 0) throw new SetupFault(`${name} is missing, and apt-get could not install it (${code}).\n${remedy}`);
}

if (import.meta.main) {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
