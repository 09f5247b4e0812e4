import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../_support/until.ts';
import { v7 as uuid } from 'uuid';
import type { Fault, Run } from '../world/run.ts';
import type { ServerSlot } from '../world/server-slot.ts';

/** Talks do not ask PostgreSQL. */
const unnoticed = { recoversWithinMs: 2_000 } as const;

export const postgresStopped: Fault = {
  ...unnoticed,
  name: 'PostgreSQL stopped under load',
  lastsMs: 4_000,
  inject: ({ world }) => world.postgres.stop(),
  heal: ({ world }) => world.postgres.start(),
};

export const postgresFrozen: Fault = {
  ...unnoticed,
  name: 'PostgreSQL frozen under load',
  lastsMs: 3_000,
  inject: ({ world }) => world.postgres.pause(),
  heal: ({ world }) => world.postgres.resume(),
};

export const postgresCut: Fault = {
  ...unnoticed,
  name: 'PostgreSQL connection killed in mid-batch',
  isShort: true,
  lastsMs: 0,
  inject: async ({ world }) => {
    for (let time = 0; time < 12; time += 1) {
      await world.sql(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
      );
      await pause(120);
    }
  },
  heal: () => undefined,
};

async function lockFor(run: Run, lockedMs: number, meanwhile: () => Promise<void>): Promise<void> {
  const locked = run.world.sql(
    `do $$ begin lock table speaker_history in access exclusive mode; perform pg_sleep(${lockedMs / 1_000}); end $$`,
  );
  await Promise.all([locked, meanwhile()]);
}

export const tableLocked: Fault = {
  ...unnoticed,
  name: 'table locked',
  lastsMs: 0,
  inject: (run) => lockFor(run, 3_000, async () => undefined),
  heal: () => undefined,
};

export const poisonRow: Fault = {
  ...unnoticed,
  name: 'poison row',
  lastsMs: 1_000,
  inject: async (run) => {
    for (const { groupId } of run.groups) {
      const talk = `kind talk talk ${uuid()} voice ${uuid()} user ${uuid()} cause released emergency 0 participants 1`;
      const speaker = `speaker "{\\"userId\\":\\"${uuid()}\\",\\"displayName\\":\\"nobody\\"}"`;
      const reply = await run.world.redis.command(`XADD history:{${groupId}} * ${talk} ${speaker} start 1000 end 2000`);
      if (!reply.startsWith('$')) run.remark(`the poison was refused: ${reply}`);
    }
  },
  heal: async (run) => {
    const groupIds = run.groups.map(({ groupId }) => `'${groupId}'`).join();
    await until(
      async () => {
        const [row] = await run.world.sql(`select count(*) from history_rejected where group_id in (${groupIds})`);
        return Number(row?.['count']) === run.groups.length;
      },
      { limitMs: 8_000, describe: () => 'the poison was put aside' },
    ).catch((error: unknown) => run.remark(String(error)));
  },
};

/** The process has committed a batch and dies before it could tell the live store. */
export const writerKilled: Fault = {
  name: 'history writer killed between commit and acknowledgement',
  lastsMs: 0,
  recoversWithinMs: 3_000,
  inject: async (run) => {
    const { world } = run;
    const victim = run.random.pick(world.slots.slice(1));
    const before = await countRows(run);
    // While the table is locked the writers wait in their transactions; then the victim's confirmation is held back.
    await lockFor(run, 1_200, async () => {
      await pause(900);
      victim.redisProxy.holdRequests(true);
    });
    await until(async () => (await countRows(run)) > before, {
      limitMs: 3_000,
      everyMs: 5,
      describe: () => 'a batch is committed',
    }).catch((error: unknown) => run.remark(String(error)));
    await victim.kill();
    victim.redisProxy.cut();
    victim.redisProxy.holdRequests(false);
  },
  heal: ({ world }) => startAll(world.slots),
};

async function startAll(slots: readonly ServerSlot[]): Promise<void> {
  await Promise.all(slots.filter(({ isUp }) => !isUp).map((slot) => slot.start()));
}

async function countRows({ world }: Run): Promise<number> {
  const [row] = await world.sql('select count(*) from speaker_history');
  return Number(row?.['count']);
}
