import type { DemoLogins } from '../banner.ts';
import { isLoopback, publicDemoPassword, type Config } from '../config.ts';
import type { Container } from '../container.ts';
import { AppError } from '../errors.ts';
import { configExitCode, StartFault } from '../infra/start-fault.ts';

/**
 * The first admin and the demo data, where they are wanted and missing; the admin first: who names one in the
 * environment gets that one. Resolves to the demo users that there are. Throws {@link StartFault}.
 */
export async function makeFirstData(container: Container): Promise<DemoLogins | null> {
  const { config } = container;
  const { ensureFirstAdmin } = await import('../admin/index.ts');
  if (config.firstAdmin) {
    const { username, password } = config.firstAdmin;
    await named(
      'ADMIN_USERNAME, ADMIN_PASSWORD',
      ensureFirstAdmin(container, { username, password: password.reveal() }),
    );
  }
  return config.environment === 'production' ? null : named('DEMO_PASSWORD', makeDemoData(container));
}

/**
 * The password that everybody knows is for a server that only this machine reaches. Data that was made for such a one
 * is carried to others: wherever the server is reachable, demo users who still have it get another, also when there is
 * to be no demo data. The way back is for a process that has its database alone.
 */
async function makeDemoData(container: Container): Promise<DemoLogins | null> {
  const { config, users, logger } = container;
  const { demoUsernames, loadDemoData, ownDemoPassword, settleDemoPasswords } = await import('../admin/index.ts');
  const keys = [config.auth.secretKey, config.auth.secretKeyPrevious].filter((key) => key !== null);
  const [own = '', ...older] = keys.map((key) => ownDemoPassword(key.reveal()));
  const isClosed = isReachable(config.http);
  const given = config.demoData.password?.reveal();
  const wanted = given ?? (isClosed ? own : publicDemoPassword);

  const isNew = config.demoData.enabled && (await loadDemoData(container, { password: wanted }));
  const maySettle = isClosed || (config.demoData.enabled && config.redis === null);
  const known = [publicDemoPassword, own, ...older];
  const changed = isNew || !maySettle ? [] : await settleDemoPasswords(container, { wanted, known });
  if (!config.demoData.enabled) {
    if (changed.length > 0) {
      logger.warn(
        { usernames: changed },
        'these users had the demo password, which everybody knows, and have another; npm run admin -- reset-password sets one',
      );
    }
    return null;
  }

  const found = await Promise.all(demoUsernames.map((username) => users.findCredentials(username)));
  const there = found.filter((user) => user !== null);
  if (there.length === 0) return null;
  const unless = isNew ? '' : ', unless it was changed';
  const isShown = config.http.lanAddress !== null || isNew || changed.length > 0;
  return {
    usernames: there.map(({ username }) => username),
    ...(wanted === publicDemoPassword
      ? { password: `${wanted}${unless}`, forDemo: null }
      : wanted !== own
        ? { password: `the one in DEMO_PASSWORD${unless}`, forDemo: null }
        : isShown
          ? { password: `${wanted}${unless}`, forDemo: wanted }
          : { password: 'the one printed at the first start', forDemo: null }),
  };
}

function isReachable({ host, lanAddress }: Config['http']): boolean {
  return lanAddress !== null || !isLoopback(host);
}

/** A refusal of what the environment asked for, said with the variables that asked. */
async function named<T>(variables: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'dependency_unavailable') throw error;
    const reasons = error.errors?.map(({ path, message }) => `${path} ${message}`) ?? [error.message];
    throw new StartFault(`${variables}: ${reasons.join('; ')}. Choose another.`, configExitCode);
  }
}
