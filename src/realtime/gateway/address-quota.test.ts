import { expect, it } from 'vitest';
import { AddressQuota } from './address-quota.ts';

it('counts a network of IPv6 as one address, and gives each place back once', () => {
  const quota = new AddressQuota(2);
  const giveBack = quota.take('2001:db8:1:2::1');
  expect(quota.take('2001:db8:1:2:ffff::2')).not.toBeNull();
  expect(quota.take('2001:db8:1:2::3')).toBeNull();
  expect(quota.take('2001:db8:1:3::1')).not.toBeNull();
  giveBack?.();
  giveBack?.();
  expect(quota.take('2001:db8:1:2::3')).not.toBeNull();
  expect(quota.take('2001:db8:1:2::4')).toBeNull();
});
