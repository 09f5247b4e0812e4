import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { holdBack } from './late-page.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

export interface BrowserOptions {
  /** A WAV file that the microphone plays again and again, from the moment it is opened. Left out: it beeps. */
  readonly microphoneWav?: string;
  /** Does the person allow the microphone? */
  readonly refusesMicrophone?: boolean;
}

/** A headless Chromium with its own profile; nobody is signed in. */
export interface TestBrowser {
  readonly browser: Browser;
  /** A page in a context of its own: another person. */
  newPage(options?: PageOptions): Promise<TestPage>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PageOptions {
  readonly phone?: boolean;
  readonly dark?: boolean;
  /** Does the person go on when the browser warns of a certificate? */
  readonly passesWarnings?: boolean;
}

export interface TestPage {
  readonly page: Page;
  /** Everything that the browser complained about: faults of scripts, refused resources. */
  readonly complaints: string[];
}

const START_LIMIT_MS = 120_000;
/** Some of what a page waits for has a password hashed or a device opened: a machine that stalls takes seconds. */
const ACTION_LIMIT_MS = 20_000;

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1100, height: 800 };

/** Starts Chromium. Throws when it is not there: `npm run test:setup` puts it there. */
export async function startBrowser(options: BrowserOptions = {}): Promise<TestBrowser> {
  const home = await makeTemporaryDirectory('browser');
  const browser = await chromium.launch({
    executablePath: chromiumProgram(),
    timeout: START_LIMIT_MS,
    env: { ...environment(), HOME: home },
    args: [
      ...QUIET,
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--use-fake-device-for-media-stream',
      ...(options.microphoneWav === undefined ? [] : [`--use-file-for-fake-audio-capture=${options.microphoneWav}`]),
    ],
  });
  return {
    browser,
    newPage: async ({ phone = false, dark = false, passesWarnings = false } = {}) => {
      const context = await browser.newContext({
        viewport: phone ? PHONE : DESKTOP,
        hasTouch: phone,
        ignoreHTTPSErrors: passesWarnings,
        colorScheme: dark ? 'dark' : 'light',
        permissions: options.refusesMicrophone === true ? [] : ['microphone'],
      });
      context.setDefaultTimeout(ACTION_LIMIT_MS);
      await holdBack(context);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      return { page, complaints };
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await removeDirectory(home);
    },
  };
}

/** `CHROMIUM`, else `chromium` on PATH. Throws when there is none: playwright wants the whole path. */
function chromiumProgram(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = process.env['CHROMIUM'] ?? folders.map((folder) => join(folder, 'chromium')).find(isExecutable);
  if (found === undefined) throw new Error('chromium is not on PATH: npm run test:setup puts it there');
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
