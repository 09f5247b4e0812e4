/** Writes `.env.example` from the schema of the environment: `npm run env:example`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  aboutVariables,
  environmentSchema,
  secretVariables,
  type About,
  type ConfigVariable,
} from '../src/config-variables.ts';

const head = `# Every variable that the server reads; written from its schema by: npm run env:example
# Copy to .env and take the # away from what you need. The real environment wins over .env.
# A secret's value can stand in a file instead, named by the variable with _FILE behind it.
# For docker compose: POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD name the database it makes; npm start
# ignores them, and compose sets DATABASE_URL, REDIS_URL and LIVEKIT_HOST itself, so one file serves both.

#POSTGRES_DB=neda
#POSTGRES_USER=neda
#POSTGRES_PASSWORD=

# For compose in production alone (docs/deployment.md): the DNS name that clients dial, and the public IP address of
# the machine, to which they send their voice.

#SITE_ADDRESS=talk.example.org
#NODE_IP=203.0.113.7
`;

/** The text of `.env.example`. */
export function envExample(): string {
  const secrets: readonly string[] = secretVariables;
  const parts = [head];
  let section = '';
  for (const name of environmentSchema.keyof().options) {
    const about = aboutOf(name);
    if (about.section !== section) {
      section = about.section;
      parts.push(`\n# ---- ${section} ----\n`);
    }
    const lines = about.purpose.split('\n').map((line) => `# ${line}`);
    if (secrets.includes(name)) lines.push(`# Secret: ${name}_FILE can name a file instead.`);
    parts.push(`\n${lines.join('\n')}\n# Not set: ${about.otherwise}\n#${name}=${about.example}\n`);
  }
  return parts.join('');
}

function aboutOf(name: ConfigVariable): About {
  const about = aboutVariables.get(environmentSchema.shape[name]);
  if (about === undefined) throw new Error(`${name} has no description`);
  return about;
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '..', '.env.example'), envExample());
}
