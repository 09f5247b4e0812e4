import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString('utf8');
      done();
    },
  });
  write(createLogger({ name: 'test', level: 'info' }, destination));
  return text;
}

it('cuts out fields with the name of a secret', () => {
  const text = logged((logger) =>
    logger.info({ password: 'hidden', body: { refreshToken: 'hidden' }, plain: 'shown' }),
  );
  expect(text).not.toContain('hidden');
  expect(text).toContain('shown');
});

it("keeps a driver's messages and parameters to itself, down to the cause", () => {
  const cause = Object.assign(new Error('duplicate key: hidden'), {
    code: '23505',
    query: 'hidden',
    parameters: ['hidden'],
  });
  const text = logged((logger) => logger.error({ err: new Error('shown', { cause }) }));
  expect(text).not.toContain('hidden');
  expect(text).toContain('shown');
  expect(text).toContain('23505');
});

it('changes nothing that it was given, and keeps what a child logger always says free of them', () => {
  const given = { body: { token: 'hidden', plain: 'shown' } };
  const text = logged((logger) => logger.child({ ticket: 'hidden' }).info(given));
  expect(text).not.toContain('hidden');
  expect(text).toContain('"body":{"token":"[secret]","plain":"shown"}');
  expect(given.body.token).toBe('hidden');
});
