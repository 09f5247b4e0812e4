import { relative } from 'node:path';

/** What the process found and started, for the person in front of the terminal. Its secrets: demo users' passwords, a pairing code. */
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
    | { readonly kind: 'not_in_network' }
    | { readonly kind: 'failed'; readonly reason: string };
  /** `null`: no demo users in the database. */
  readonly demo: DemoLogins | null;
  /** `null`: only this machine reaches the server, or HOST says who does. */
  readonly network: NetworkFacts | null;
}

/** A server that was started with `--lan`. */
export interface NetworkFacts {
  readonly address: string;
  readonly interfaceName: string;
  readonly isPublic: boolean;
  /** Addresses that `--lan=` could name, as they are shown. */
  readonly others: readonly string[];
  readonly port: number;
  readonly httpsPort: number;
  readonly caddyFile: string;
  /** `null`: there is no demo user to pair with. */
  readonly pairing: { readonly code: string; readonly username: string; readonly minutes: number } | null;
  /** LiveKit was given, at an address that only this machine reaches. */
  readonly isMediaElsewhere: boolean;
}

export interface DemoLogins {
  readonly usernames: readonly string[];
  /** The password itself, or where it is found. */
  readonly password: string;
  /** What `npm run demo` has to be told; `null`: nothing, or nobody knows. */
  readonly forDemo: string | null;
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
  const forDemo = facts.demo?.forDemo ?? null;
  const next: (readonly [string, string])[] = [
    [
      'Try next',
      `${forDemo === null ? '' : `DEMO_PASSWORD=${forDemo} `}npm run demo   (in a second terminal: two people talk)`,
    ],
    ['Stop', 'Ctrl-C'],
  ];
  const blocks = [rows, ...(facts.network === null ? [] : [networkLines(facts.network, facts, workingDir)]), next];
  return [
    '',
    `${facts.appName} ${facts.version} is running.`,
    ...blocks.flatMap((block) => ['', ...aligned(block)]),
    '',
    '',
  ].join('\n');
}

function networkLines(
  network: NetworkFacts,
  { hasTalkPage }: Pick<RunningFacts, 'hasTalkPage'>,
  workingDir: string,
): (readonly [string, string])[] {
  const { address, interfaceName, others, port, httpsPort, pairing } = network;
  const [other] = others;
  const variables = [
    `LAN_ADDRESS=${address}`,
    ...(port === 8000 ? [] : [`PORT=${port}`]),
    ...(httpsPort === 8443 ? [] : [`HTTPS_PORT=${httpsPort}`]),
  ];
  const secure = `https://${address}:${httpsPort}`;
  return [
    ['In the LAN', `http://${address}:${port}   (${interfaceName})`],
    ...(other === undefined ? [] : [['', `not used: ${others.join(', ')}; choose with --lan=ADDRESS`] as const]),
    ...(pairing === null
      ? [['Pair with', 'a code from: npm run admin -- pairing-code <username>'] as const]
      : [
          [
            'Pair with',
            `${pairing.code}   (one device, as ${pairing.username}, within ${pairing.minutes} minutes)`,
          ] as const,
          ['', 'more codes: npm run admin -- pairing-code bob'] as const,
        ]),
    [
      'Warning',
      network.isPublic
        ? `${address} is a public address: whoever on the Internet reaches it reaches this server. It is not`
        : 'everybody in this network reaches this server, its demo users and API page. It is not',
    ],
    ['', 'encrypted without the line below: passwords and voice can be read on the way.'],
    ...(network.isMediaElsewhere
      ? [['', 'LIVEKIT_PUBLIC_URL is on loopback: others in the network cannot reach LiveKit.'] as const]
      : []),
    ['With https', 'browsers give a page no microphone without it. With Caddy installed, in a second terminal:'],
    ['', `${variables.join(' ')} caddy run --config ${shownFrom(workingDir, network.caddyFile)}`],
    ['', `then open ${secure}${hasTalkPage ? '/talk' : ''}   (docs/lan.md: the certificate)`],
  ];
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([label, text]) => `  ${label.padEnd(13)}${text}`);
}

function postgresLine(postgres: RunningFacts['postgres'], workingDir: string): string {
  if (postgres.kind === 'given') return `at ${postgres.place}`;
  return `embedded, 127.0.0.1:${postgres.port}, data in ${shownFrom(workingDir, postgres.folder)}`;
}

function shownFrom(workingDir: string, path: string): string {
  const inside = relative(workingDir, path);
  return inside.startsWith('..') ? path : inside;
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
    case 'not_in_network':
      return [
        ['Media', 'none: voice goes over the WebSocket alone, to everybody in the network'],
        ['', '(LIVEKIT_HOST and LIVEKIT_PUBLIC_URL name a LiveKit of yours)'],
      ];
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
