import swagger, { type SwaggerTransform } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { noQuery } from './contract.ts';
import { aboutApi, securitySchemes } from './openapi-about.ts';
import { finishDocument, optionalBodyMark } from './openapi-finish.ts';
import { operationIdOf, securityOf } from './openapi-operation.ts';
import { refusalsOf } from './openapi-refusals.ts';
import type { HttpServer } from './server.ts';

/** Says of every route its name, who has to sign in and how it refuses, and marks the bodies that may be left out. */
const describeRoute: SwaggerTransform = (document) => {
  const given = document.schema?.body;
  const transformed = jsonSchemaTransform(document);
  const { schema } = transformed;
  if (schema === undefined || schema.hide === true || !isObject(schema.response)) return transformed;
  const isOptional = given instanceof z.ZodType && given.safeParse(undefined).success;
  const body = isOptional && isObject(schema.body) ? { body: { ...schema.body, [optionalBodyMark]: true } } : {};
  const { route } = document;
  const response = { ...refusalsOf(route), ...schema.response };
  const operation = { operationId: operationIdOf(route), security: securityOf(route) };
  return { ...transformed, schema: { ...operation, ...schema, ...body, response } };
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Collects the routes that are registered afterwards into an OpenAPI 3.1 document. */
export async function collectOpenapi(
  server: HttpServer,
  about: { readonly title: string; readonly version: string },
): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      ...aboutApi(about),
      components: { securitySchemes },
    },
    transform: describeRoute,
    transformObject: (document) => {
      const finished = jsonSchemaTransformObject(document);
      finishDocument(finished);
      return finished;
    },
  });
}

const openapi = z.record(z.string(), z.unknown()).meta({
  description: 'OpenAPI 3.1',
  examples: [{ openapi: '3.1.0', info: { title: 'neda', version: '1.4.0' }, paths: {} }],
});

/** `/openapi.json` and the page `/docs`, which needs no network but this server. */
export async function registerDocs(server: HttpServer): Promise<void> {
  server.get(
    '/openapi.json',
    {
      config: { access: 'public' },
      schema: { tags: ['operations'], summary: 'This document', querystring: noQuery, response: { 200: openapi } },
    },
    async () => ({ ...server.swagger() }),
  );
  await server.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' };
      route.schema = { ...route.schema, querystring: noQuery };
    });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP:
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'",
      uiConfig: { deepLinking: true, persistAuthorization: false, validatorUrl: null },
    });
  });
}
