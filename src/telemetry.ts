import type { Logger } from './infra/logger.ts';
import type { Metrics } from './infra/metrics.ts';

/** Business events: one function is one log line and one counter with few labels. None of them throws. */
export interface Telemetry {
  signedIn(event: {
    readonly requestId: string;
    readonly userId: string;
    readonly sessionId: string;
    readonly deviceKind: string;
  }): void;
  /** `userId` only when the name is known; what was typed is never logged. */
  signInRefused(event: { readonly requestId: string; readonly userId?: string }): void;
  tokensRefreshed(event: { readonly requestId: string; readonly sessionId: string }): void;
  refreshTokenReused(event: { readonly requestId: string; readonly userId: string; readonly sessionId: string }): void;
  sessionEnded(event: {
    readonly requestId: string;
    readonly userId: string;
    readonly sessionId: string;
    readonly cause: string;
  }): void;
}

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const signIns = metrics.counter('neda_sign_ins_total', 'Sign-ins by result', ['result']);
  const refreshes = metrics.counter('neda_token_refreshes_total', 'Token refreshes by result', ['result']);
  const endings = metrics.counter('neda_sessions_ended_total', 'Ended sessions by cause', ['cause']);
  return {
    signedIn: (event) => {
      signIns.inc({ result: 'success' });
      logger.info(event, 'signed in');
    },
    signInRefused: (event) => {
      signIns.inc({ result: 'refused' });
      logger.info(event, 'sign-in refused');
    },
    tokensRefreshed: (event) => {
      refreshes.inc({ result: 'success' });
      logger.debug(event, 'tokens refreshed');
    },
    refreshTokenReused: (event) => {
      refreshes.inc({ result: 'reused' });
      logger.warn(event, 'refresh token reused: its session has ended');
    },
    sessionEnded: (event) => {
      endings.inc({ cause: event.cause });
      logger.info(event, 'session ended');
    },
  };
}
