// http-only-in-routes
import fastify from 'fastify';

export const service = fastify;
