import { createConfig, lintFromString } from '@redocly/openapi-core';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startInProcess } from './in-process.ts';
import { repository } from '../_support/deployment.ts';

it('lints the OpenAPI document', async () => {
  await using server = await startInProcess();
  const { text } = await server.rest.request('GET', '/openapi.json');
  const config = await createConfig(await readFile(`${repository}/redocly.yaml`, 'utf8'));
  const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  expect(problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`)).toEqual([]);
});
