import { relative } from 'node:path';

/** What the process found and started, for the person in front of the terminal. Holds no secret but `demo.password`. */
export interface RunningFacts {
  readonly appName: string;
  readonly version: string;
  /** Where this server answers, http://host:port. */
  readonly origin: string;
  readonly hasTalkPage: boolean;
  readonly postgres:
    | { readonly kind: 'embedded'; readonly port: number; readonly folder: string }
    | { readonly kind: 'given'; readonly place: string };
  /** `null`: the live state is in this process. */
  readonly redisPlace: string | null;
  readonly media:
    | { readonly kind: 'started' | 'given'; readonly publicUrl: string }
    | { readonly kind: 'shared'; readonly publicUrl: string; readonly ownerPid: number }
    | { readonly kind: 'not_found' }
    | { readonly kind: 'off' }
    | { readonly kind: 'failed'; readonly reason: string };
  /** `null`: no demo users in the database. */
  readonly demo: DemoLogins | null;
}

export interface DemoLogins {
  readonly usernames: readonly string[];
  /** The password itself, or where it is found. */
  readonly password: string;
}

const liveKitModule = 'github.com/livekit/livekit-server/cmd/server@v1.13.5';

/**
 * Aligned lines: what runs where, who can log in, one command to try next.
 * @param workingDir folders below it are shown relative to it
 */
export function banner(facts: RunningFacts, workingDir: string): string {
  const rows: (readonly [string, string])[] = [
    ...(facts.hasTalkPage ? [['Talk page', `${facts.origin}/talk`] as const] : []),
    ['API', `${facts.origin}   (interactive page: ${facts.origin}/docs)`],
    ['WebSocket', `${facts.origin.replace(/^http/, 'ws')}/ws`],
  ];
  rows.push(
    ['PostgreSQL', postgresLine(facts.postgres, workingDir)],
    [
      'Live state',
      facts.redisPlace === null ? 'in this process (set REDIS_URL to use Redis)' : `Redis at ${facts.redisPlace}`,
    ],
    ...mediaLines(facts.media),
  );
  if (facts.demo !== null) {
    rows.push(['Demo logins', `${facts.demo.usernames.join(', ')}   (password: ${facts.demo.password})`]);
  }
  const next: (readonly [string, string])[] = [
    ['Try next', 'npm run demo   (in a second terminal: two people talk)'],
    ['Stop', 'Ctrl-C'],
  ];
  return ['', `${facts.appName} ${facts.version} is running.`, '', ...aligned(rows), '', ...aligned(next), '', ''].join(
    '\n',
  );
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([label, text]) => `  ${label.padEnd(13)}${text}`);
}

function postgresLine(postgres: RunningFacts['postgres'], workingDir: string): string {
  if (postgres.kind === 'given') return `at ${postgres.place}`;
  const inside = relative(workingDir, postgres.folder);
  return `embedded, 127.0.0.1:${postgres.port}, data in ${inside.startsWith('..') ? postgres.folder : inside}`;
}

function mediaLines(media: RunningFacts['media']): (readonly [string, string])[] {
  switch (media.kind) {
    case 'started':
      return [['Media', `livekit-server, started beside this process, ${media.publicUrl}`]];
    case 'shared':
      return [['Media', `livekit-server of process ${media.ownerPid}, ${media.publicUrl}`]];
    case 'given':
      return [['Media', `LiveKit at ${media.publicUrl}`]];
    case 'off':
      return [['Media', 'none: voice goes over the WebSocket alone (LIVEKIT_HOST is not set)']];
    case 'failed':
      return [['Media', `none: livekit-server is on PATH but did not start: ${media.reason}`]];
    case 'not_found':
      return [
        ['Media', 'none: voice goes over the WebSocket alone, as livekit-server is not on PATH. For WebRTC too,'],
        ['', 'with Go 1.26 or later, and then start again:'],
        ['', `go install ${liveKitModule}`],
        ['', 'mv "$(go env GOPATH)/bin/server" "$(go env GOPATH)/bin/livekit-server"'],
        ['', 'The program must be called livekit-server, in a folder on PATH.'],
      ];
  }
}
