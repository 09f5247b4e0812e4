import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildApp } from '../../src/app.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server[Symbol.asyncDispose]());

describe('health', () => {
  it('names version and dependencies', async () => {
    expect(await server.rest.expect(200, 'GET', '/health')).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      dependencies: { postgres: { status: 'ok' }, redis: { status: expect.any(String) }, livekit: { status: 'off' } },
    });
  });

  it('is down, and not ready, while talks cannot be granted', async () => {
    let canGrant = false;
    server.container.health.registerReadiness(() => canGrant);
    expect((await server.rest.request('GET', '/readyz')).status).toBe(503);
    expect(await server.rest.request('GET', '/health')).toMatchObject({ status: 503, body: { status: 'down' } });
    expect((await server.rest.request('GET', '/livez')).status).toBe(200);
    canGrant = true;
    expect((await server.rest.request('GET', '/readyz')).status).toBe(200);
  });
});

describe('the API page', () => {
  it('needs nothing from elsewhere', async () => {
    const html = await server.rest.request('GET', '/docs');
    expect(html.status).toBe(200);
    expect(html.headers.get('content-security-policy')).toContain("default-src 'self'");
    const paths = [...html.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) {
      expect(path).toMatch(/^\/docs\//);
      expect((await server.rest.request('GET', path)).status).toBe(200);
    }
    expect(html.text).not.toContain('https://');
  });

  it('shows an OpenAPI 3.1 document of every route', async () => {
    const document = z
      .looseObject({
        openapi: z.string(),
        paths: z.record(
          z.string(),
          z.record(z.string(), z.looseObject({ responses: z.record(z.string(), z.unknown()) })),
        ),
        components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
      })
      .parse(await server.rest.expect(200, 'GET', '/openapi.json'));
    expect(document.openapi).toBe('3.1.0');
    for (const path of [
      '/api/v1/auth/login',
      '/api/v1/groups/{id}/members',
      '/api/v1/admin/groups/{id}/manager',
      '/health',
    ]) {
      expect(Object.keys(document.paths)).toContain(path);
    }
    expect(document.paths['/api/v1/admin/users/{id}']).toHaveProperty('delete.responses.204');
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([A-Za-z]+)"/g);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});

describe('metrics', () => {
  it('are open outside production', async () => {
    const metrics = await server.rest.request('GET', '/metrics');
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    expect(metrics.text).toContain('neda_http_request_duration_seconds_count');
    expect(metrics.text).toContain('process_cpu_seconds_total');
  });

  it('are there in production for the holder of the token only', async () => {
    const { http } = server.container.config;
    const config = {
      ...server.container.config,
      environment: 'production' as const,
      http: { ...http, talkPage: false },
      metricsToken: server.container.config.auth.secretKey,
    };
    const app = await buildApp({ ...server.container, metrics: createMetrics(), config });
    try {
      const ask = (authorization?: string) =>
        app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } });
      expect((await ask()).statusCode).toBe(404);
      expect((await ask('Bearer wrong')).statusCode).toBe(404);
      expect((await ask(`Bearer ${config.metricsToken.reveal()}`)).statusCode).toBe(200);
    } finally {
      await app.close();
    }
  });
});

it('a route without an access rule stops the start', async () => {
  const app = await buildApp({ ...server.container, metrics: createMetrics() });
  app.get('/open', async () => 'open');
  await expect(app.ready()).rejects.toThrow('routes without an access rule: GET /open');
  await app.close();
});
