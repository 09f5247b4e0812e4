import { expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { startInProcess } from './in-process.ts';

it('shows the document in production too, with nothing from elsewhere', async () => {
  await using server = await startInProcess();
  const { http } = server.container.config;
  const config = {
    ...server.container.config,
    environment: 'production' as const,
    http: { ...http, talkPage: false },
  };
  const app = await buildApp({ ...server.container, metrics: createMetrics(), config });
  try {
    const page = await app.inject('/docs');
    expect(page.statusCode).toBe(200);
    const policy = String(page.headers['content-security-policy']);
    const sources = policy.split(';').flatMap((directive) => directive.trim().split(' ').slice(1));
    expect(new Set(sources)).toEqual(new Set(["'self'", 'data:', "'unsafe-inline'", "'none'"]));
    // Without TLS, as on a local network, files asked for by https would not come.
    expect(policy).not.toContain('upgrade-insecure-requests');

    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files.filter((file) => !file.startsWith('/docs/static/'))).toEqual([]);
    for (const file of files) expect(`${file} ${(await app.inject(file)).statusCode}`).toBe(`${file} 200`);

    const initializer = files.find((file) => file.endsWith('swagger-initializer.js'));
    const script = (await app.inject(initializer ?? '')).body;
    expect(script).toContain("url: resolveUrl('./json')");
    expect(script).toContain('"validatorUrl":null');
    const shown: unknown = (await app.inject('/docs/json')).json();
    expect(shown).toEqual((await app.inject('/openapi.json')).json());
  } finally {
    await app.close();
  }
});
