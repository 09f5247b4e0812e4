import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { envExample } from './env-example.ts';

it('is the committed .env.example', () => {
  const committed = readFileSync(join(import.meta.dirname, '..', '.env.example'), 'utf8');
  expect(committed, 'run npm run env:example').toBe(envExample());
});

it('changes nothing when it is copied as it is', () => {
  expect(parseEnv(envExample())).toEqual({});
});

it('shows values that would be taken', () => {
  const uncommented = envExample().replace(/^#(?=[A-Z])/gm, '');
  expect(() => readConfig({ ...parseEnv(uncommented), ADMIN_USERNAME: '', LIVEKIT_HOST: '' })).not.toThrow();
});
