/** Which of a machine's addresses other devices in its network reach it at. */
import { BlockList, isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { StartFault, usageExitCode } from './start-fault.ts';

export interface LanAddress {
  readonly address: string;
  readonly interfaceName: string;
  /** Reachable from the Internet, unless something in between forbids it. */
  readonly isPublic: boolean;
}

export interface LanChoice extends LanAddress {
  /** The further ones that could have been named. */
  readonly others: readonly LanAddress[];
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** RFC 1918. */
const home = blocksOf(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']);
/** What else is not reachable from the Internet: the IANA registry of special-purpose addresses (RFC 6890). */
const special = blocksOf([
  '100.64.0.0/10',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
]);

/** Bridges and tunnels of containers, virtual machines and VPNs: the phone on the table is not there. */
const virtualNames =
  /^(?:docker|br-|bridge|veth|virbr|vmnet|vboxnet|vethernet|lxc|lxdbr|cni|flannel|cali|podman|tun|tap|utun|wg|zt|tailscale|ham)/i;

/**
 * The address to listen at, IPv4. Without `wanted` the best one: of a home or office network, then others that are not
 * public, those of bridges and tunnels last. A public one is taken only when it is named.
 * @param interfaces as `os.networkInterfaces()` gives them
 * Throws {@link StartFault} when there is none, or `wanted` is not one of this machine's.
 */
export function chooseLanAddress(interfaces: Interfaces, wanted: string | null): LanChoice {
  const found = candidatesOf(interfaces);
  const local = found.filter(({ isPublic }) => !isPublic);
  const chosen = wanted === null ? local[0] : found.find(({ address }) => address === wanted);
  if (chosen !== undefined) return { ...chosen, others: found.filter((other) => other !== chosen) };
  if (wanted !== null) {
    throw new StartFault(
      `--lan=${wanted}: this machine has no such IPv4 address in a network. ${listed(found)}`,
      usageExitCode,
    );
  }
  throw new StartFault(
    found.length === 0
      ? '--lan: this machine has no IPv4 address in a network. Connect it to one, or start without --lan.'
      : `--lan: this machine has public addresses only, and such a one has to be named. ${listed(found)}`,
  );
}

function candidatesOf(interfaces: Interfaces): LanAddress[] {
  const ranked = Object.entries(interfaces).flatMap(([interfaceName, infos = []]) =>
    infos
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => ({
        rank: rankOf(address, interfaceName),
        found: { address, interfaceName, isPublic: !home.check(address) && !special.check(address) },
      })),
  );
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ found }) => found);
}

function rankOf(address: string, interfaceName: string): number {
  return (virtualNames.test(interfaceName) ? 2 : 0) + (home.check(address) ? 0 : 1);
}

function listed(found: readonly LanAddress[]): string {
  if (found.length === 0) return 'It has none at all.';
  return `Choose one with ${found.map(({ address, interfaceName }) => `--lan=${address} (${interfaceName})`).join(', ')}.`;
}

function blocksOf(networks: readonly string[]): { check(address: string): boolean } {
  const blocks = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    blocks.addSubnet(address, Number(bits), 'ipv4');
  }
  return { check: (address) => isIPv4(address) && blocks.check(address, 'ipv4') };
}
