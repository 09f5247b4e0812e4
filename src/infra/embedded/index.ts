/** What a development machine lacks, provided by the process itself: secrets, PostgreSQL, livekit-server. */
import { Secret, type LiveKitConfig, type Settings } from '../../config.ts';
import type { Lifecycle } from '../lifecycle.ts';
import { openDataDir } from './data-dir.ts';
import { devSecrets, findDevSecrets } from './dev-secrets.ts';
import type { EmbeddedLog } from './kept-server.ts';
import { findEmbeddedLiveKit, startEmbeddedLiveKit, type LiveKitStart } from './livekit.ts';
import { findRunningPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from './postgres.ts';

export type { EmbeddedLog };

export interface Embedded {
  readonly secretKey?: Secret;
  readonly postgres?: EmbeddedPostgres;
  /** Absent when the settings name a LiveKit, or forbid embedded servers. */
  readonly media?: LiveKitStart;
  readonly livekit?: LiveKitConfig;
}

/**
 * Starts what the settings leave open and registers its end with the lifecycle: all servers stop together, last.
 * @param options.pid number of this process
 * @param options.searchPath the text of PATH
 * @param options.purpose a server wants a media server and the data folder for itself; a command wants the database
 *   alone, and uses that of a running server
 * @param options.step called between steps; throws to abandon the start
 * @param options.ending from then on none is started again
 * @param options.log where it is told that one of them ended by itself and was started again, or could not be
 * Throws {@link StartFault}. A media server that does not start is no fault.
 */
export async function startEmbedded(
  settings: Settings,
  options: {
    readonly pid: number;
    readonly searchPath: string;
    readonly purpose: 'server' | 'command';
    readonly lifecycle: Lifecycle;
    readonly step: () => void;
    readonly log: EmbeddedLog;
    readonly ending: AbortSignal;
  },
): Promise<Embedded> {
  // LiveKit beside this process is on loopback, where the network does not reach it: all voice goes over the WebSocket.
  const isInNetwork = settings.http.lanAddress !== null;
  const needsMedia = options.purpose === 'server' && settings.livekit === null && !isInNetwork;
  if (!settings.embeddedAllowed) return {};
  if (settings.auth.secretKey !== null && settings.database !== null && !needsMedia) return {};

  openDataDir(settings.dataDir);
  const secrets = devSecrets(settings.dataDir);
  const running: { stop(): Promise<void> }[] = [];
  options.lifecycle.onStop('embedded servers', 4_000, async () => {
    await Promise.all(running.map((server) => server.stop()));
  });

  let postgres: EmbeddedPostgres | undefined;
  if (settings.database === null) {
    postgres = await startEmbeddedPostgres({
      dataDir: settings.dataDir,
      password: secrets.postgresPassword,
      pid: options.pid,
      shares: options.purpose === 'command',
      log: options.log,
      ending: options.ending,
    });
    running.push(postgres);
    options.step();
  }

  let media: LiveKitStart | undefined;
  if (needsMedia) {
    media = await startEmbeddedLiveKit({
      dataDir: settings.dataDir,
      searchPath: options.searchPath,
      apiKey: settings.embeddedLiveKitKeys?.apiKey ?? secrets.livekitApiKey,
      apiSecret: settings.embeddedLiveKitKeys?.apiSecret ?? new Secret(secrets.livekitApiSecret),
      webhookUrl: `${originOf(settings.http)}/api/v1/media/webhook`,
      pid: options.pid,
      log: options.log,
      ending: options.ending,
    });
    if (media.kind === 'started') running.push(media);
    options.step();
  }

  return {
    secretKey: new Secret(secrets.secretKey),
    ...(postgres ? { postgres } : {}),
    ...(media ? { media } : {}),
    ...(media && (media.kind === 'started' || media.kind === 'shared') ? { livekit: media.livekit } : {}),
  };
}

export interface EmbeddedFound {
  readonly postgres: ReturnType<typeof findRunningPostgres>;
  readonly media: ReturnType<typeof findEmbeddedLiveKit>;
}

/** What {@link startEmbedded} would find running. Starts, makes and changes nothing. */
export function findEmbedded(settings: Settings, options: { readonly searchPath: string }): EmbeddedFound {
  const { dataDir, embeddedLiveKitKeys } = settings;
  const secrets = findDevSecrets(dataDir);
  return {
    postgres: secrets === null ? null : findRunningPostgres(dataDir, secrets.postgresPassword),
    media: findEmbeddedLiveKit({
      dataDir,
      searchPath: options.searchPath,
      apiKey: embeddedLiveKitKeys?.apiKey ?? secrets?.livekitApiKey ?? '',
      apiSecret: embeddedLiveKitKeys?.apiSecret ?? new Secret(secrets?.livekitApiSecret ?? ''),
    }),
  };
}

/** Where this machine reaches a server that listens on `host`, as http://host:port. */
export function originOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
