import { z } from 'zod';
import type { Core } from '../../core.ts';
import { StartFault } from '../../infra/start-fault.ts';
import { newUser, username } from '../../users/contract.ts';
import type { UserRecord } from '../../users/index.ts';
import { readArguments, type Subcommand } from './subcommand.ts';

const generate = { type: 'boolean', default: false } as const;
const passwordRule = `The password is asked for twice without being shown; when standard input is no terminal, its first line is
taken. --generate draws one and prints it, once. It never stands on the command line, where others could see it.`;

export const create: Subcommand = {
  usage: '<username> [--display-name <text>] [--role admin|user] [--generate]',
  summary: 'make a user; an admin when --role does not say otherwise',
  details: `--display-name is the user name when it is not given.\n${passwordRule}`,
  plan: (args) => {
    const input = readArguments(
      args,
      ['username'],
      { 'display-name': { type: 'string' }, role: { type: 'string', default: 'admin' }, generate },
      z.strictObject({
        username: newUser.shape.username,
        'display-name': newUser.shape.displayName.optional(),
        role: newUser.shape.role,
        generate: z.boolean(),
      }),
    );
    return {
      password: { whose: input.username, isGenerated: input.generate },
      run: async ({ core, origin, password }) => {
        const passwordHash = password === null ? undefined : await core.auth.hashPassword(password.reveal());
        const made = await core.runChange(origin, (context) =>
          core.admin.createUser(context, {
            username: input.username,
            displayName: input['display-name'] ?? input.username,
            role: input.role,
            passwordHash,
          }),
        );
        return `Made the ${made.role} ${made.username}.`;
      },
    };
  },
};

export const resetPassword: Subcommand = {
  usage: '<username> [--generate]',
  summary: 'give a user another password; all sessions of the user end',
  details: passwordRule,
  plan: (args) => {
    const input = readArguments(args, ['username'], { generate }, z.strictObject({ username, generate: z.boolean() }));
    return {
      password: { whose: input.username, isGenerated: input.generate },
      run: async ({ core, origin, password }) => {
        const user = await userNamed(core, input.username);
        const passwordHash = password === null ? undefined : await core.auth.hashPassword(password.reveal());
        await core.runChange(origin, (context) => core.admin.updateUser(context, user.id, { passwordHash }));
        const note = user.disabled ? ' The user is disabled and stays so.' : '';
        return `Changed the password of ${user.username}; sessions that were open have ended.${note}`;
      },
    };
  },
};

export const list: Subcommand = {
  usage: '[--search <text>]',
  summary: 'show all users, or those with the text in user name or display name',
  details: 'One user a line: user name, role, "disabled" when that is so, since when, display name.',
  plan: (args) => {
    const { search } = readArguments(
      args,
      [],
      { search: { type: 'string' } },
      z.strictObject({ search: z.string().min(1, 'is empty').max(100, 'is longer than 100 characters').optional() }),
    );
    return {
      password: null,
      run: async ({ core }) => {
        const found: UserRecord[] = [];
        const pageSize = 500;
        for (let page: UserRecord[] = [], isFirst = true; isFirst || page.length === pageSize; isFirst = false) {
          page = await core.users.list({ search, afterId: found.at(-1)?.id, limit: pageSize });
          found.push(...page);
        }
        return found.length === 0 ? 'There is no such user.' : table(found.map(rowOf));
      },
    };
  },
};

export const pairingCode: Subcommand = {
  usage: '<username>',
  summary: 'make a code by which a watch without keyboard signs in as the user',
  details: 'It works once and for some minutes, which are printed with it.',
  plan: (args) => {
    const input = readArguments(args, ['username'], {}, z.strictObject({ username }));
    return {
      password: null,
      run: async ({ core, origin }) => {
        const user = await userNamed(core, input.username);
        const { code, expiresInMs } = await core.runChange(origin, (context) =>
          core.auth.makePairingCode(context, user.id),
        );
        return `${code}   (for ${user.username}, once, within ${Math.floor(expiresInMs / 60_000)} minutes)`;
      },
    };
  },
};

/** Throws {@link StartFault}. */
async function userNamed(core: Core, name: string): Promise<UserRecord> {
  const user = await core.users.findCredentials(name);
  if (user === null) throw new StartFault(`There is no user ${name}. See: npm run admin -- list`);
  return user;
}

function rowOf(user: UserRecord): string[] {
  return [
    user.username,
    user.role,
    user.disabled ? 'disabled' : '',
    user.createdAt.toISOString().slice(0, 10),
    user.displayName,
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
