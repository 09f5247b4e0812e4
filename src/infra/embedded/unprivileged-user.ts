/**
 * PostgreSQL refuses to run as root. Started as root, it runs as the owner of its data, else as the machine's
 * `postgres`, else as `nobody`; nothing is added to the machine's users.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { StartFault } from '../start-fault.ts';

export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** `null` when this process is not root and servers run as its own user. Throws {@link StartFault} when nobody fits. */
export function serverUser(existingData: string | null): UnixUser | null {
  if (userInfo().uid !== 0) return null;
  if (existingData !== null) {
    const { uid, gid } = statSync(existingData);
    if (uid !== 0) return { uid, gid };
  }
  const users = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  );
  const user = users.get('postgres') ?? users.get('nobody');
  if (user === undefined || user.uid === 0) {
    throw new StartFault(
      'PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody. Start as an ordinary user, or set DATABASE_URL.',
    );
  }
  return user;
}

/** Can the user pass every folder on the way to the path? */
export function canReach(user: UnixUser, path: string): boolean {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const { uid, gid, mode } = statSync(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * A command line that runs the program as the user with root's right to pass folders, and with no other right of
 * root: for a checkout inside a closed folder such as /root. Throws {@link StartFault} when the machine lacks setpriv.
 */
export function throughClosedFolders(
  user: UnixUser,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  const setpriv = ['/usr/bin', '/bin', '/usr/sbin'].map((folder) => join(folder, 'setpriv')).find(isExecutable);
  if (setpriv === undefined) {
    throw new StartFault(
      'PostgreSQL does not run as root, and other users cannot enter this folder. Start as an ordinary user, move to an open folder, or set DATABASE_URL.',
    );
  }
  return {
    command: setpriv,
    args: [
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      '--clear-groups',
      '--inh-caps=-all,+dac_override',
      '--ambient-caps=-all,+dac_override',
      '--bounding-set=-all,+dac_override',
      // access(2) asks as the real user: without this bit it forgets the right, and initdb does not find postgres.
      '--securebits=+no_setuid_fixup',
      '--no-new-privs',
      '--',
      command,
      ...args,
    ],
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
