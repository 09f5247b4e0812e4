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
  /** `outcome`: `granted`, `queued` or a deny cause; `tookMs`: from the message to its answer. */
  talkRequested(event: { readonly outcome: string; readonly tookMs: number }): void;
  talkStarted(event: { readonly groupId: string; readonly talkId: string; readonly userId: string }): void;
  talkEnded(event: {
    readonly groupId: string;
    readonly talkId: string;
    readonly cause: string;
    readonly durationMs: number;
  }): void;
}

/** Seconds from a press to its answer: the contract's bounds lie at 0.3 and 1.5. */
const requestBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1, 1.5, 3];

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const signIns = metrics.counter('neda_sign_ins_total', 'Sign-ins by result', ['result']);
  const refreshes = metrics.counter('neda_token_refreshes_total', 'Token refreshes by result', ['result']);
  const endings = metrics.counter('neda_sessions_ended_total', 'Ended sessions by cause', ['cause']);
  const requests = metrics.counter('neda_talk_requests_total', 'Requests to talk by outcome', ['outcome']);
  const answerTimes = metrics.histogram(
    'neda_talk_request_seconds',
    'From a request to talk to its answer',
    [],
    requestBuckets,
  );
  /** Looked up by labels once: this is done for each press. */
  const granted = requests.labels('granted');
  const started = metrics.counter('neda_talks_started_total', 'Talks of connections of this process');
  const ended = metrics.counter('neda_talks_ended_total', 'Ended talks of connections of this process', ['cause']);
  return {
    talkRequested: ({ outcome, tookMs }) => {
      if (outcome === 'granted') granted.inc();
      else requests.inc({ outcome });
      answerTimes.observe(tookMs / 1_000);
    },
    talkStarted: (event) => {
      started.inc();
      logger.debug(event, 'talk started');
    },
    talkEnded: (event) => {
      ended.inc({ cause: event.cause });
      logger.info(event, 'talk ended');
    },
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
