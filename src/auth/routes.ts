import { z } from 'zod';
import type { RunChange } from '../infra/change.ts';
import { noContent, pageOf, pageQuery, uuidV7 } from '../http/contract.ts';
import { answerPage, type Cursors } from '../http/cursors.ts';
import { callerOf, originOf, type HttpServer } from '../http/server.ts';
import { loginRequest, ownAccount, passwordChange, refreshRequest, session, tokens } from './contract.ts';
import { pairRequest } from './pairing/contract.ts';
import type { Auth } from './service.ts';

const tags = ['auth'];
const anyone = { access: 'public' } as const;
const signedIn = { access: 'session' } as const;

export function registerAuthRoutes(
  server: HttpServer,
  parts: { readonly auth: Auth; readonly runChange: RunChange; readonly cursors: Cursors },
): void {
  const { auth, runChange, cursors } = parts;

  server.post(
    '/auth/login',
    {
      config: {
        ...anyone,
        refusals: ['invalid_credentials'],
        checkRate: ({ id, ip }) => auth.checkLoginRate({ requestId: id, address: ip }),
      },
      schema: { tags, summary: 'Sign in with a password', body: loginRequest, response: { 200: tokens } },
    },
    (request) => auth.login({ requestId: request.id, address: request.ip }, request.body),
  );

  server.post(
    '/auth/pair',
    {
      config: {
        ...anyone,
        refusals: ['invalid_credentials'],
        checkRate: ({ id, ip }) => auth.checkPairingRate({ requestId: id, address: ip }),
      },
      schema: { tags, summary: 'Sign in with a pairing code', body: pairRequest, response: { 200: tokens } },
    },
    (request) => auth.pair({ requestId: request.id, address: request.ip }, request.body),
  );

  server.post(
    '/auth/refresh',
    {
      config: { ...anyone, refusals: ['token_invalid', 'token_expired', 'token_wrong_type', 'refresh_reused'] },
      schema: { tags, summary: 'Rotate the tokens', body: refreshRequest, response: { 200: tokens } },
    },
    (request) => auth.refresh(request.id, request.body.refreshToken),
  );

  server.post(
    '/auth/logout',
    { config: signedIn, schema: { tags, summary: 'End this session', response: { 204: noContent } } },
    async (request, reply) => {
      const { session: own } = callerOf(request);
      await runChange(originOf(request), (context) => auth.endSession(context, own.id, 'logout'));
      return reply.code(204).send();
    },
  );

  server.get(
    '/auth/me',
    { config: signedIn, schema: { tags, summary: 'Who am I', response: { 200: ownAccount } } },
    async (request) => {
      const { user, session: own } = callerOf(request);
      return { user: { ...user }, session: { ...own, device: { ...own.device } } };
    },
  );

  server.get(
    '/auth/sessions',
    {
      config: signedIn,
      schema: {
        tags,
        summary: 'My devices, newest first',
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(session) },
      },
    },
    (request) => {
      const { user, session: own } = callerOf(request);
      return answerPage(
        cursors,
        ['own sessions', user.id],
        request.query,
        (beforeId, limit) => auth.listSessions(user.id, { beforeId, limit, currentId: own.id }),
        (item) => item.id,
      );
    },
  );

  server.delete(
    '/auth/sessions/:id',
    {
      config: signedIn,
      schema: {
        tags,
        summary: 'End one of my sessions',
        params: z.strictObject({ id: uuidV7 }),
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      const { user } = callerOf(request);
      await runChange(originOf(request), (context) => auth.endSession(context, request.params.id, 'revoked', user.id));
      return reply.code(204).send();
    },
  );

  server.post(
    '/auth/password',
    {
      config: { ...signedIn, refusals: ['wrong_password'] },
      schema: {
        tags,
        summary: 'Change my password; my other sessions end',
        body: passwordChange,
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      const { user, session: own } = callerOf(request);
      const who = { userId: user.id, username: user.username, sessionId: own.id, address: request.ip };
      await auth.changePassword(originOf(request), who, request.body);
      return reply.code(204).send();
    },
  );
}
