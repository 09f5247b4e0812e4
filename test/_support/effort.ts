/**
 * How much a test tries: the short amount in `npm test`, the long one in `npm run test:long`, which sets
 * `TEST_EFFORT=long`. For counts, times and limits of tests that find more the longer they run; what a test demands is
 * the same in both forms.
 */
export function effort<T>(amounts: { readonly short: T; readonly long: T }): T {
  return process.env['TEST_EFFORT'] === 'long' ? amounts.long : amounts.short;
}
