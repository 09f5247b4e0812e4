import helmet from '@fastify/helmet';
import fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { registerAdminRoutes } from './admin/index.ts';
import { recordRefusal, subjectOf } from './audit/index.ts';
import { registerAuthRoutes } from './auth/index.ts';
import type { Container } from './container.ts';
import { registerGroupRoutes } from './groups/index.ts';
import { registerHistoryRoutes } from './history/index.ts';
import { demandAccessRules, guardAccess } from './http/access.ts';
import { registerAsyncapi } from './http/asyncapi.ts';
import { allowOrigins } from './http/cors.ts';
import { answerClientError, answerFrameworkError, handleErrors } from './http/error-handling.ts';
import { checkAfterAccess, checkBeforeAccess } from './http/first-checks.ts';
import { registerHealthRoutes } from './http/health.ts';
import { registerMetricsRoute } from './http/metrics-route.ts';
import { collectOpenapi, registerDocs } from './http/openapi.ts';
import { limitRequests } from './http/rate-limit.ts';
import { observeRequests } from './http/observation.ts';
import { registerTalkPage, talkPageSource } from './http/talk-page/index.ts';
import { isSocketUpgrade, registerGateway, registerMediaWebhook, registerRealtimeRoutes } from './realtime/index.ts';
import { requestIdOf } from './http/request-id.ts';
import { originOf, type HttpServer } from './http/server.ts';
import { routeUnusualRequests } from './http/unusual-requests.ts';
import { validateStrictly } from './http/validation.ts';

const bodyLimitBytes = 16 * 1_024;
const requestTimeoutMs = 15_000;
const headersTimeoutMs = 10_000;
const keepAliveTimeoutMs = 72_000;

/**
 * The HTTP server with all routes, not listening. Hooks are in the order of the contract's checks: the count of
 * requests, what is refused to everybody, the session, the role; then Fastify reads and checks the body.
 */
export async function buildApp(container: Container): Promise<HttpServer> {
  const { config } = container;
  const loggerInstance: FastifyBaseLogger = container.logger;
  const server: HttpServer = fastify({
    loggerInstance,
    genReqId: requestIdOf,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    http: { headersTimeout: headersTimeoutMs, requireHostHeader: false, shouldUpgradeCallback: isSocketUpgrade },
    trustProxy: config.http.trustedProxies.length > 0 ? [...config.http.trustedProxies] : false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 16 * 1_024 },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => answerFrameworkError(error, request, reply.raw),
  }).withTypeProvider<ZodTypeProvider>();

  server.setSerializerCompiler(serializerCompiler);
  demandAccessRules(server);
  routeUnusualRequests(server);
  handleErrors(server);
  observeRequests(server, container.metrics);
  await server.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } } });
  await allowOrigins(server, config.http.allowedOrigins);
  if (config.rateLimits) await limitRequests(server);
  checkBeforeAccess(server);
  guardAccess(server, container.auth.authenticate, (request) => {
    const { url = '' } = request.routeOptions;
    recordRefusal(container.audit, originOf(request), {
      what: { method: request.method, route: url },
      ...subjectOf(url, request.params),
    });
  });
  checkAfterAccess(server);
  validateStrictly(server);
  await collectOpenapi(server, { title: config.appName, version: container.version });

  registerHealthRoutes(server, container.health);
  registerMetricsRoute(server, {
    metrics: container.metrics,
    isGuarded: config.environment === 'production',
    token: config.metricsToken?.reveal() ?? null,
  });
  await registerDocs(server);
  if (config.http.talkPage) {
    registerTalkPage(server, await talkPageSource(config.environment === 'production'), {
      allowedOrigins: config.http.allowedOrigins,
      livekitUrl: config.livekit?.publicUrl ?? null,
    });
  }
  registerAsyncapi(server, {
    title: config.appName,
    version: container.version,
    host: `127.0.0.1:${config.http.port}`,
  });
  registerGateway(server, container.realtime.gateway);
  server.addHook('preClose', () => container.realtime.closeSockets());
  await server.register(
    async (scope) => {
      scope.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store');
      });
      const api = scope.withTypeProvider<ZodTypeProvider>();
      const parts = { ...container, runChange: container.runChangeEverywhere };
      registerAuthRoutes(api, parts);
      registerGroupRoutes(api, container);
      registerRealtimeRoutes(api, container);
      await registerMediaWebhook(api, container.realtime.mediaGuard);
      registerHistoryRoutes(api, container);
      registerAdminRoutes(api, parts);
    },
    { prefix: '/api/v1' },
  );
  return server;
}
