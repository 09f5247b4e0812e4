import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { NetworkFacts } from '../banner.ts';
import { isLoopback, lanHttpsPort } from '../config.ts';
import type { Container } from '../container.ts';
import { chooseLanAddress, type LanChoice } from '../infra/lan-address.ts';

const caddyFile = join(import.meta.dirname, '..', '..', 'Caddyfile.lan');

/** The address of this machine for `--lan`. Throws {@link StartFault}. */
export function findLanAddress(wanted: string | null): LanChoice {
  return chooseLanAddress(networkInterfaces(), wanted);
}

/** What people are told of a server in their network, with a pairing code made for it. */
export async function networkFacts(container: Container, chosen: LanChoice): Promise<NetworkFacts> {
  const { port } = container.config.http;
  return {
    address: chosen.address,
    interfaceName: chosen.interfaceName,
    isPublic: chosen.isPublic,
    others: chosen.others.map(({ address, interfaceName }) => `${address} (${interfaceName})`),
    port,
    httpsPort: lanHttpsPort(port),
    caddyFile,
    pairing: await makePairingCode(container),
    isMediaElsewhere: isOnLoopback(container.config.livekit?.publicUrl),
  };
}

/** For the first demo user who is nobody's administrator; null where there is none. */
async function makePairingCode({
  config,
  users,
  auth,
  runChangeEverywhere,
}: Container): Promise<NetworkFacts['pairing']> {
  if (!config.demoData.enabled) return null;
  const { demoUsernames } = await import('../admin/index.ts');
  for (const username of demoUsernames) {
    const user = await users.findCredentials(username);
    if (user === null || user.disabled || user.role === 'admin') continue;
    const { code, expiresInMs } = await runChangeEverywhere(
      { actor: { type: 'system' }, requestId: `start-${randomUUID()}` },
      (context) => auth.makePairingCode(context, user.id),
    );
    return { code, username, minutes: Math.floor(expiresInMs / 60_000) };
  }
  return null;
}

function isOnLoopback(url: string | undefined): boolean {
  return url !== undefined && URL.canParse(url) && isLoopback(new URL(url).hostname.replaceAll(/[[\]]/g, ''));
}
