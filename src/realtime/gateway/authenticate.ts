import { clientMessages } from '../protocol/index.ts';
import type { LiveConnection } from './connection.ts';
import type { MessageModule } from './message-module.ts';
import { MessageRefused } from './message-refused.ts';
import type { GatewayPorts } from './ports.ts';

/** AUTHENTICATE: a fresh token of the same session prolongs the connection. */
export function createAuthenticateModule(
  ports: Pick<GatewayPorts, 'sessions' | 'clock'>,
  find: (connectionId: string) => LiveConnection | undefined,
  renewClaim: (connection: LiveConnection) => Promise<void>,
): MessageModule<'AUTHENTICATE'> {
  return {
    type: 'AUTHENTICATE',
    schema: clientMessages.AUTHENTICATE,
    access: 'session',
    async handle({ id: connectionId }, { id, token }) {
      const authentication = await ports.sessions.authenticate(token);
      const connection = find(connectionId);
      if (connection === undefined) return;
      if (!authentication.ok) throw new MessageRefused('forbidden', 'token: is not valid, or has expired');
      if (authentication.session.id !== connection.session.id) {
        throw new MessageRefused('forbidden', 'token: belongs to another session');
      }
      if (authentication.expiresAtMs < connection.tokenExpiresAtMs) {
        throw new MessageRefused('forbidden', 'token: is older than the one in use');
      }
      connection.extendToken(authentication.expiresAtMs);
      connection.send({
        type: 'AUTHENTICATED',
        re: id,
        tokenExpiresInMs: Math.max(0, Math.round(authentication.expiresAtMs - ports.clock.nowMs())),
      });
      await renewClaim(connection);
    },
  };
}
