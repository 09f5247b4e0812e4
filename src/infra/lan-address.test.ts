import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { chooseLanAddress } from './lan-address.ts';
import { StartFault } from './start-fault.ts';

function of(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, internal, mac: '00:00:00:00:00:00', netmask: '', cidr: null };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

const loopback = { lo: [of('127.0.0.1', true), of('::1', true)] };

function refusal(interfaces: Parameters<typeof chooseLanAddress>[0], wanted: string | null): StartFault {
  try {
    chooseLanAddress(interfaces, wanted);
  } catch (error) {
    if (error instanceof StartFault) return error;
    throw error;
  }
  throw new Error('an address was chosen');
}

describe('the address in the network', () => {
  it('is the only one there is, whatever stands before it', () => {
    const chosen = chooseLanAddress({ ...loopback, wlan0: [of('fe80::1'), of('192.168.1.20')] }, null);
    expect(chosen).toEqual({ address: '192.168.1.20', interfaceName: 'wlan0', isPublic: false, others: [] });
  });

  it.each(['10.1.2.3', '172.16.0.1', '172.31.255.254', '192.168.0.1'])('is the private %s before others', (address) => {
    const { address: chosen, others } = chooseLanAddress(
      { ...loopback, eth0: [of('198.51.100.7')], eth1: [of('169.254.3.4')], wlan0: [of(address)] },
      null,
    );
    expect(chosen).toBe(address);
    expect(others.map((other) => other.address)).toEqual(['198.51.100.7', '169.254.3.4']);
  });

  it.each([
    'docker0',
    'br-5e1c0a',
    'veth12ab',
    'virbr0',
    'vmnet8',
    'bridge100',
    'tun0',
    'utun3',
    'wg0',
    'tailscale0',
    'podman1',
  ])('is that of %s only when there is no other', (name) => {
    const virtual = { [name]: [of('172.17.0.1')] };
    expect(chooseLanAddress({ ...virtual, enp3s0: [of('100.64.0.9')] }, null)).toMatchObject({
      interfaceName: 'enp3s0',
      others: [{ interfaceName: name }],
    });
    expect(chooseLanAddress({ ...loopback, ...virtual }, null).interfaceName).toBe(name);
  });

  it('keeps the order of the machine among equals', () => {
    const chosen = chooseLanAddress({ b: [of('192.168.1.2')], a: [of('10.0.0.2'), of('10.0.0.3')] }, null);
    expect([chosen, ...chosen.others].map(({ address }) => address)).toEqual(['192.168.1.2', '10.0.0.2', '10.0.0.3']);
  });

  it.each(['8.8.8.8', '172.15.0.1', '172.32.0.1', '100.128.0.1', '192.169.0.1'])(
    'is never the public %s unless it is named',
    (address) => {
      const interfaces = { ...loopback, eth0: [of(address)] };
      expect(refusal(interfaces, null).message).toMatch(/public.*named.*--lan=/);
      expect(refusal(interfaces, null).exitCode).toBe(1);
      expect(chooseLanAddress(interfaces, address)).toMatchObject({ address, isPublic: true });
      expect(chooseLanAddress({ ...interfaces, docker0: [of('172.17.0.1')] }, null).address).toBe('172.17.0.1');
    },
  );

  it('is the one that was named', () => {
    const interfaces = { ...loopback, wlan0: [of('192.168.1.20')], eth0: [of('10.0.0.5')] };
    expect(chooseLanAddress(interfaces, '10.0.0.5')).toMatchObject({
      address: '10.0.0.5',
      others: [{ address: '192.168.1.20' }],
    });
  });

  it.each(['127.0.0.1', '0.0.0.0', '192.168.1.21', '::1', 'fe80::1', 'wlan0', '192.168.1.20:8000'])(
    'may not be %s, which is not one of the machine in a network',
    (wanted) => {
      const fault = refusal({ ...loopback, wlan0: [of('fe80::1'), of('192.168.1.20')] }, wanted);
      expect(fault.message).toContain(`--lan=${wanted}`);
      expect(fault.message).toContain('--lan=192.168.1.20 (wlan0)');
      expect(fault.exitCode).toBe(2);
    },
  );

  it.each([{}, loopback, { ...loopback, eth0: [of('fd00::2')], down: undefined }])(
    'is missed in words where there is none: %j',
    (interfaces) => {
      expect(refusal(interfaces, null)).toMatchObject({
        message: expect.stringMatching(/no IPv4 address in a network.*without --lan/),
        exitCode: 1,
      });
      expect(refusal(interfaces, '10.0.0.1').message).toContain('none at all');
    },
  );
});
