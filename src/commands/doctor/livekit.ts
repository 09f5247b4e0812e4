import { isLoopback, type LiveKitConfig } from '../../config.ts';
import { probeLivekit, type MediaProbe } from '../../realtime/index.ts';
import { failed, judgeClock, ok, warning, type Finding } from './finding.ts';

export async function checkLivekit(livekit: LiveKitConfig, isProduction: boolean, limitMs: number): Promise<Finding[]> {
  return [
    ...judgeLivekit(await probeLivekit(livekit, limitMs), new URL(livekit.host).origin),
    judgePublicUrl(livekit.publicUrl, isProduction),
  ];
}

export function judgeLivekit(probe: MediaProbe, host: string): Finding[] {
  if (probe.kind === 'silent') {
    return [
      failed('livekit', `LIVEKIT_HOST: no LiveKit answers at ${host} (${probe.reason}); start it, or correct the URL`),
    ];
  }
  const clock = probe.clockAheadMs === null ? [] : [judgeClock('livekit clock', 'LiveKit', probe.clockAheadMs)];
  switch (probe.keyPair) {
    case 'accepted':
      return [ok('livekit', `answers at ${host} and takes the key pair`), ...clock];
    case 'refused':
      return [
        failed(
          'livekit',
          `answers at ${host} and refuses the key pair; set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to one of its keys`,
        ),
        ...clock,
      ];
    case 'unclear':
      return [
        failed(
          'livekit',
          `what answers at ${host} is no LiveKit room service (status ${probe.status}); correct LIVEKIT_HOST`,
        ),
        ...clock,
      ];
  }
}

function judgePublicUrl(url: string, isProduction: boolean): Finding {
  const what = 'livekit for clients';
  const { protocol, hostname, origin: publicUrl } = new URL(url);
  if (!isProduction) return ok(what, publicUrl);
  if (isLoopback(hostname.replace(/^\[|\]$/g, ''))) {
    return warning(what, `${publicUrl} is this machine only; set LIVEKIT_PUBLIC_URL to an address that clients reach`);
  }
  if (protocol !== 'wss:') {
    return warning(
      what,
      `${publicUrl} is not encrypted, and browsers refuse it on https pages; set LIVEKIT_PUBLIC_URL to wss://…`,
    );
  }
  return ok(what, publicUrl);
}
