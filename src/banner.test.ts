import { expect, it } from 'vitest';
import { banner, type RunningFacts } from './banner.ts';

const facts: RunningFacts = {
  appName: 'NEDA',
  version: '1.2.3',
  origin: 'http://127.0.0.1:8000',
  hasTalkPage: true,
  postgres: { kind: 'embedded', port: 5555, folder: '/home/me/neda/.neda/postgres' },
  redisPlace: null,
  media: { kind: 'not_found' },
  demo: { usernames: ['admin', 'alice'], password: 'push-to-talk', forDemo: null },
  network: null,
};

it('shows the embedded start in aligned lines', () => {
  const lines = banner(facts, '/home/me/neda').split('\n');
  expect(lines).toContain('NEDA 1.2.3 is running.');
  expect(lines).toContain('  Talk page    http://127.0.0.1:8000/talk');
  expect(lines).toContain('  WebSocket    ws://127.0.0.1:8000/ws');
  expect(lines).toContain('  PostgreSQL   embedded, 127.0.0.1:5555, data in .neda/postgres');
  expect(lines).toContain('  Demo logins  admin, alice   (password: push-to-talk)');
  for (const line of lines.filter((text) => text.startsWith('  ')))
    expect(line.slice(0, 15)).toMatch(/^ {2}.{11} {2}$/);
});

it('shows the servers that were given, and no logins where there are none', () => {
  const text = banner(
    {
      ...facts,
      postgres: { kind: 'given', place: 'db:5432' },
      redisPlace: 'cache:6379',
      media: { kind: 'given', publicUrl: 'wss://media.example' },
      demo: null,
    },
    '/home/me/neda',
  );
  expect(text).toMatch(/PostgreSQL +at db:5432/);
  expect(text).toMatch(/Live state +Redis at cache:6379/);
  expect(text).toMatch(/Media +LiveKit at wss:\/\/media\.example/);
  expect(text).not.toContain('Demo logins');
});

it('names no talk page where none is served', () => {
  expect(banner({ ...facts, hasTalkPage: false }, '/')).not.toContain('/talk');
});

it('names a data folder elsewhere in full', () => {
  expect(banner(facts, '/srv')).toContain('data in /home/me/neda/.neda/postgres');
});

it('says why a media server that is there does not run', () => {
  expect(banner({ ...facts, media: { kind: 'failed', reason: 'it is broken' } }, '/')).toMatch(
    /none: livekit-server is on PATH but did not start: it is broken/,
  );
});

const network = {
  address: '192.168.1.20',
  interfaceName: 'wlan0',
  isPublic: false,
  others: [],
  port: 8000,
  httpsPort: 8443,
  caddyFile: '/home/me/neda/Caddyfile.lan',
  pairing: { code: 'BCDF-GHJK', username: 'alice', minutes: 10 },
  isMediaElsewhere: false,
} as const;

it('tells who starts with --lan where, with what code, what that means, and how to have https', () => {
  const shown = banner({ ...facts, media: { kind: 'not_in_network' }, network }, '/home/me/neda');
  const lines = shown.split('\n');
  expect(lines).toContain('  In the LAN   http://192.168.1.20:8000   (wlan0)');
  expect(shown).toMatch(/Pair with +BCDF-GHJK +\(one device, as alice, within 10 minutes\)/);
  expect(shown).toMatch(/Warning +everybody in this network/);
  expect(lines).toContain('               LAN_ADDRESS=192.168.1.20 caddy run --config Caddyfile.lan');
  expect(shown).toContain('https://192.168.1.20:8443/talk');
  expect(shown).toMatch(/Media +none: voice goes over the WebSocket/);
  expect(shown).not.toMatch(/not used|Internet|LIVEKIT_PUBLIC_URL is/);
});

it('names other addresses, other ports, a public address, a LiveKit out of reach, and who has to make the code', () => {
  const shown = banner(
    {
      ...facts,
      hasTalkPage: false,
      demo: { usernames: ['admin'], password: 'wxyz', forDemo: 'wxyz' },
      network: {
        ...network,
        isPublic: true,
        others: ['10.0.0.5 (eth0)', '172.17.0.1 (docker0)'],
        port: 8443,
        httpsPort: 8444,
        pairing: null,
        isMediaElsewhere: true,
      },
    },
    '/srv',
  );
  expect(shown).toContain('not used: 10.0.0.5 (eth0), 172.17.0.1 (docker0); choose with --lan=ADDRESS');
  expect(shown).toContain(
    'LAN_ADDRESS=192.168.1.20 PORT=8443 HTTPS_PORT=8444 caddy run --config /home/me/neda/Caddyfile.lan',
  );
  expect(shown).toMatch(/then open https:\/\/192\.168\.1\.20:8444 /);
  expect(shown).toContain('Internet');
  expect(shown).toContain('LIVEKIT_PUBLIC_URL is on loopback');
  expect(shown).toContain('npm run admin -- pairing-code <username>');
  expect(shown).toMatch(/Try next +DEMO_PASSWORD=wxyz npm run demo/);
});
