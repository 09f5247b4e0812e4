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
  demo: { usernames: ['admin', 'alice'], password: 'push-to-talk' },
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
