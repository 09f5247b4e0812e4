import { isIPv6 } from 'node:net';

/**
 * What an address is counted by: an IPv4 address, also one written as IPv6, as it is; of an IPv6 address the network
 * of 64 bits, which is what one customer has. Other texts stay as they are.
 */
export function addressKey(address: string): string {
  const [withoutZone = ''] = address.split('%');
  if (!isIPv6(withoutZone)) return address;
  // A URL writes an IPv6 address in one way only: lower case, no leading zeros, no dots.
  const shortest = new URL(`http://[${withoutZone}]`).hostname.slice(1, -1);
  const [head = '', tail = ''] = shortest.split('::');
  const groups = head === '' ? [] : head.split(':');
  const tailGroups = tail === '' ? [] : tail.split(':');
  const zeros = shortest.includes('::') ? Array<string>(8 - groups.length - tailGroups.length).fill('0') : [];
  const all = [...groups, ...zeros, ...tailGroups];
  return isMappedIpv4(all) ? dotted(all.slice(6)) : all.slice(0, 4).join(':');
}

function isMappedIpv4(groups: readonly string[]): boolean {
  return groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';
}

function dotted(groups: readonly string[]): string {
  const bytes = groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return bytes.join('.');
}
