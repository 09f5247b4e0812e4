import type { Secret } from '../../config.ts';
import { placeOf, postgresReason } from '../../infra/preflight.ts';
import { probePostgres, type PostgresFacts } from '../../infra/probes/postgres.ts';
import { failed, judgeClock, ok, warning, type Finding } from './finding.ts';

/** pg_current_xact_id and xid8, by which events are read in order, came with 13. */
const leastVersion = 130_000;

export async function checkDatabase(url: Secret, limitMs: number): Promise<Finding[]> {
  try {
    return judgeDatabase(await probePostgres(url, limitMs), placeOf(url, '5432'));
  } catch (error) {
    return [failed('database', `DATABASE_URL: ${postgresReason(error, url)}`)];
  }
}

export function judgeDatabase(facts: PostgresFacts, place: string): Finding[] {
  const found = `PostgreSQL ${facts.version} at ${place}, database ${facts.database}, user ${facts.user}`;
  const findings: Finding[] = [];
  if (facts.versionNumber < leastVersion) {
    findings.push(failed('database', `${found}; PostgreSQL 13 or later is needed`));
  } else if (facts.isReadOnly) {
    findings.push(failed('database', `${found}; it takes no changes: name the primary in DATABASE_URL`));
  } else {
    findings.push(ok('database', `${found}, answers in ${facts.latencyMs.toFixed(0)} ms`));
  }
  findings.push(...judgeMigrations(facts), judgeClock('database clock', 'PostgreSQL', facts.clockAheadMs));
  return findings;
}

function judgeMigrations({ migrations, mayCreate, user }: PostgresFacts): Finding[] {
  const grant = `GRANT CREATE ON DATABASE and ON SCHEMA public to ${user}, or run npm run db:migrate as a user who may`;
  if (migrations === null) {
    return [
      failed('migrations', `${user} may not read them; grant it the schema drizzle, or use the user who applied them`),
    ];
  }
  const { applied, pending, newer } = migrations;
  if (newer > 0) {
    return [
      warning(
        'migrations',
        `the database has ${newer} newer than this release; start the release that applied them, or a later one`,
      ),
    ];
  }
  if (pending.length > 0) {
    const text = `${applied} applied, ${pending.length} pending (${pending.join(', ')})`;
    return mayCreate
      ? [warning('migrations', `${text}; npm start and npm run db:migrate apply them`)]
      : [failed('migrations', `${text}, and ${user} may not apply them; ${grant}`)];
  }
  return [
    ok('migrations', `${applied} applied, none pending`),
    ...(mayCreate ? [] : [warning('migrations', `${user} may not apply those of a later release; ${grant}`)]),
  ];
}
