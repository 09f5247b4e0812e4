import { once } from 'node:events';
import { connect } from 'node:net';
import fastify from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { v7 as newId } from 'uuid';
import { dependencyUnavailable } from '../../src/errors.ts';
import { guardAccess } from '../../src/http/access.ts';
import { answerClientError, handleErrors } from '../../src/http/error-handling.ts';
import { requestIdOf } from '../../src/http/request-id.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { checkAfterAccess, checkBeforeAccess } from '../../src/http/first-checks.ts';
import { validateStrictly } from '../../src/http/validation.ts';
import { systemClock } from '../../src/infra/clock.ts';
import type { Authentication, Membership, SessionAccess } from '../../src/realtime/access.ts';
import {
  type AnyMessageModule,
  type Connection,
  type ConnectionListener,
  createGateway,
  type DomainEvent,
  type Gateway,
  type GatewayPorts,
  isSocketUpgrade,
  registerGateway,
} from '../../src/realtime/gateway/index.ts';
import { clientMessages } from '../../src/realtime/protocol/index.ts';
import { createMemorySessionClaims } from '../../src/realtime/sessions/index.ts';

export type Identity = Extract<Authentication, { ok: true }>;

/** A user's device, signed in until an hour from now. */
export function identity(userId = newId(), sessionId = newId(), expiresInMs = 3_600_000): Identity {
  const now = new Date().toISOString();
  return {
    ok: true,
    user: { id: userId, username: 'alice', displayName: 'Alice', role: 'user' },
    session: {
      id: sessionId,
      userId,
      device: { name: 'Wrist', kind: 'watch' },
      createdAt: now,
      lastSeenAt: now,
      current: true,
    },
    expiresAtMs: Date.now() + expiresInMs,
  };
}

export function membership(groupId = newId(), changes: Partial<Membership> = {}): Membership {
  const settings = {
    maxTalkMs: 60_000,
    contendedTalkMs: 20_000,
    queueLimit: 10,
    cooldownMs: 2_000,
    managerPreempts: false,
    emergency: 'allowed',
  } as const;
  return {
    group: { id: groupId, name: 'Team', description: '', settings },
    role: 'member',
    talk: 'allowed',
    ...changes,
  };
}

/** A gateway behind a real HTTP server; who people are and what messages do is the test's. */
export class GatewayHarness {
  /** What `authenticate` answers, by token; a function is called. */
  readonly tokens = new Map<string, Authentication | (() => Promise<Authentication>)>();
  /** Memberships cannot be read. */
  groupsAreAway = false;
  readonly memberships = new Map<string, Membership[]>();
  /** Where a message's handling goes beyond its answer. */
  readonly handlers: Partial<Record<string, (connection: Connection, id: string) => Promise<void> | void>> = {};
  readonly gone: { readonly connectionId: string; readonly how: 'closed' | 'replaced' }[] = [];
  readonly told: string[] = [];
  /** Ids of sessions that were said to be in use. */
  readonly seen: string[] = [];
  readonly listener: ConnectionListener = {
    onGone: (connection, how) => void this.gone.push({ connectionId: connection.id, how }),
    onRevoked: (connection, cause) => void this.told.push(`${cause} ${String(connection.open)}`),
    onMembershipChanged: (_connection, groupId, now, cause) =>
      void this.told.push(`${cause} ${groupId} ${now === null ? 'none' : now.role}`),
  };
  readonly server: HttpServer;
  readonly gateway: Gateway;
  origin = '';
  readonly #eventHandlers = new Set<(event: DomainEvent) => Promise<void> | void>();

  /** `headersTimeoutMs`: how long the headers of a request may take. */
  constructor(overrides: Partial<GatewayPorts> = {}, { headersTimeoutMs = 30_000 } = {}) {
    const sessions: SessionAccess = {
      authenticate: async (token) => {
        const known = this.tokens.get(token);
        return typeof known === 'function' ? known() : (known ?? { ok: false, reason: 'token_invalid' });
      },
      seen: (sessionId) => void this.seen.push(sessionId),
    };
    this.gateway = createGateway({
      processId: newId(),
      sessions,
      groups: {
        membershipsOf: async (userId) => {
          if (this.groupsAreAway) throw dependencyUnavailable('postgres');
          return this.memberships.get(userId) ?? [];
        },
        membershipOf: async (userId, groupId) =>
          this.memberships.get(userId)?.find(({ group }) => group.id === groupId) ?? null,
        exists: async () => true,
      },
      claims: createMemorySessionClaims(() => performance.now()),
      events: {
        subscribe: (handler) => {
          this.#eventHandlers.add(handler);
          return () => this.#eventHandlers.delete(handler);
        },
      },
      modules: this.#modules(),
      listener: this.listener,
      clock: systemClock,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      allowedOrigins: ['https://talk.example'],
      rateLimits: true,
      ...overrides,
    });
    this.server = fastify({
      genReqId: requestIdOf,
      clientErrorHandler: answerClientError,
      http: {
        shouldUpgradeCallback: isSocketUpgrade,
        headersTimeout: headersTimeoutMs,
        connectionsCheckingInterval: 100,
      },
      exposeHeadRoutes: false,
    }).withTypeProvider<ZodTypeProvider>();
    this.server.setSerializerCompiler(serializerCompiler);
    handleErrors(this.server);
    checkBeforeAccess(this.server);
    checkAfterAccess(this.server);
    guardAccess(this.server, async () => ({ ok: false, reason: 'token_invalid' }));
    validateStrictly(this.server);
    registerGateway(this.server, this.gateway);
  }

  async start(): Promise<this> {
    await this.gateway.start();
    this.origin = await this.server.listen({ host: '127.0.0.1', port: 0 });
    return this;
  }

  async stop(): Promise<void> {
    await this.gateway.stop(1_000);
    await this.server.close();
  }

  /** Makes a token for somebody. */
  signIn(who: Identity = identity(), groups: readonly Membership[] = []): string {
    const token = newId();
    this.tokens.set(token, who);
    this.memberships.set(who.user.id, [...groups]);
    return token;
  }

  async publish(type: string, payload: unknown): Promise<void> {
    await Promise.all([...this.#eventHandlers].map(async (handler) => handler({ id: newId(), type, payload })));
  }

  /** A TCP connection that has sent an upgrade request; everything that comes back is in `received`. */
  async rawSocket(headers: readonly string[] = [], path = '/ws') {
    const own = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', ...headers];
    return this.rawUpgrade(own, '\r\n', path);
  }

  /** As `rawSocket`, with just these headers, and the end of the request left to the test. */
  async rawUpgrade(headers: readonly string[], end = '\r\n', path = '/ws') {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(this.origin).port) });
    const received: Buffer[] = [];
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('error', ignore);
    await once(socket, 'connect');
    const lines = [`GET ${path} HTTP/1.1`, 'Host: neda', 'Connection: Upgrade', 'Upgrade: websocket', ...headers];
    socket.write(`${lines.join('\r\n')}\r\n${end}`);
    return { socket, received };
  }

  #modules(): readonly AnyMessageModule[] {
    const { JOIN_GROUP, LEAVE_GROUP, REQUEST_TALK, RELEASE_TALK, REVOKE_TALK } = clientMessages;
    const run = async (connection: Connection, type: string, id: string, answer: () => void): Promise<void> => {
      await this.handlers[type]?.(connection, id);
      answer();
    };
    return [
      {
        type: 'JOIN_GROUP',
        schema: JOIN_GROUP,
        access: 'member',
        handle: (connection, { id, groupId }) =>
          run(connection, 'JOIN_GROUP', id, () => connection.send({ type: 'GROUP_LEFT', re: id, groupId })),
      },
      {
        type: 'LEAVE_GROUP',
        schema: LEAVE_GROUP,
        access: 'session',
        handle: (connection, { id, groupId }) =>
          run(connection, 'LEAVE_GROUP', id, () => connection.send({ type: 'GROUP_LEFT', re: id, groupId })),
      },
      {
        type: 'REQUEST_TALK',
        schema: REQUEST_TALK,
        access: 'member',
        handle: (connection, { id, groupId }) =>
          run(connection, 'REQUEST_TALK', id, () =>
            connection.send({ type: 'TALK_DENIED', re: id, groupId, cause: 'not_joined' }),
          ),
      },
      {
        type: 'RELEASE_TALK',
        schema: RELEASE_TALK,
        access: 'session',
        handle: (connection, { id, groupId }) =>
          run(connection, 'RELEASE_TALK', id, () =>
            connection.send({ type: 'TALK_RELEASED', re: id, groupId, released: false }),
          ),
      },
      {
        type: 'REVOKE_TALK',
        schema: REVOKE_TALK,
        access: 'session',
        handle: (connection, { id, groupId }) =>
          run(connection, 'REVOKE_TALK', id, () =>
            connection.send({ type: 'TALK_REVOKE_DONE', re: id, groupId, revoked: false }),
          ),
      },
    ];
  }
}

function ignore(): void {
  // nothing is expected of it
}
