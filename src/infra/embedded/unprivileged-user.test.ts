import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canReach, serverUser, throughClosedFolders } from './unprivileged-user.ts';

describe('a program in a closed folder', () => {
  let folder: string;
  let program: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'neda-closed-'));
    program = join(folder, 'program.cjs');
    // As initdb does with postgres, it asks for its own place by access(2), which forgets rights that execve(2) knows.
    writeFileSync(
      program,
      'const fs = require("node:fs"); fs.accessSync(process.argv[1]); console.log(process.getuid())',
    );
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is run by root as another user who passes the folder; others run it themselves', () => {
    const user = serverUser(null);
    if (user === null) {
      expect(userInfo().uid).not.toBe(0);
      return;
    }
    expect(canReach(user, program)).toBe(false);
    const { command, args } = throughClosedFolders(user, process.execPath, [program]);
    expect(execFileSync(command, args, { encoding: 'utf8' }).trim()).toBe(String(user.uid));
  });
});
