import { expect, it } from 'vitest';
import { readServeArguments } from './serve-arguments.ts';

it.each([
  [[], null],
  [['--lan'], { address: null }],
  [['--lan=192.168.1.20'], { address: '192.168.1.20' }],
])('%j is read', (args, lan) => {
  expect(readServeArguments(args)).toEqual({ kind: 'run', lan });
});

it.each([[['--help']], [['--lan', '-h']]])('%j asks for help', (args) => {
  expect(readServeArguments(args)).toEqual({ kind: 'help' });
});

it.each([
  [['--lan', '192.168.1.20'], /"192\.168\.1\.20" is nothing/],
  [['--lan='], /without an address/],
  [['--lan', '--lan=192.168.1.20'], /twice/],
  [['--LAN'], /"--LAN" is nothing/],
  [['--lane'], /"--lane" is nothing/],
  [['production'], /"production" is nothing/],
])('%j is refused, with the usage', (args, reason) => {
  expect(() => readServeArguments(args)).toThrow(reason);
  expect(() => readServeArguments(args)).toThrow(/npm start \[-- --lan\[=ADDRESS\]\]/);
});
