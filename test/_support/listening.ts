import { readFileSync } from 'node:fs';

/** The addresses at which somebody on this machine listens on the TCP port, sorted; from /proc (Linux). */
export function listeningAddresses(port: number): string[] {
  const found = [
    ...listening('/proc/net/tcp', port).map(ipv4),
    ...listening('/proc/net/tcp6', port).map((hex) => `[${hex}]`),
  ];
  return found.toSorted();
}

/** The local addresses as the kernel writes them. */
function listening(file: string, port: number): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, address, hexPort, state] = /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line) ?? [];
      const isListening = state === '0A' && Number.parseInt(hexPort ?? '', 16) === port;
      return isListening && address !== undefined ? [address] : [];
    });
}

/** Four bytes, the last one first. */
function ipv4(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
