import { ServerError } from 'livekit-server-sdk';

/** Why a call to the media server failed. Never the vendor's own words: LiveKit repeats the caller's token in them. */
export type CallFault =
  | 'unreachable'
  | 'unauthorized'
  | 'refused'
  | 'timeout'
  | 'broken_off'
  | 'server_error'
  | 'not_applied'
  /** It was not made: the media server is known to be away. */
  | 'held_back';

/** Faults after which a call was not carried out and will not be. */
const HARMLESS: ReadonlySet<CallFault> = new Set(['unreachable', 'unauthorized', 'refused', 'held_back']);
/** Faults that say something of the one call only. */
const OF_THE_CALL: ReadonlySet<CallFault> = new Set(['refused', 'not_applied']);
/** Faults of a media server that is not there, or no longer the one that it was. */
const OF_THE_LINK: ReadonlySet<CallFault> = new Set(['unreachable', 'broken_off']);

/** System codes of connections that were never made. */
const NEVER_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/** A call to the media server failed. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fault: CallFault;
  /** A status or a system code, where there is one. */
  readonly detail: string | null;

  constructor(fault: CallFault, detail: string | null = null) {
    super(`media server: ${fault}${detail === null ? '' : ` (${detail})`}`);
    this.fault = fault;
    this.detail = detail;
  }

  /** It may have been carried out nevertheless, now or later. */
  get outcomeUnknown(): boolean {
    return !HARMLESS.has(this.fault);
  }

  /** It is the media server that cannot be used, not this call that is wrong. */
  get isOutage(): boolean {
    return !OF_THE_CALL.has(this.fault);
  }

  /** Perhaps the media server has been started again. */
  get isBrokenLink(): boolean {
    return OF_THE_LINK.has(this.fault);
  }
}

/** What an error of the client, or of `fetch`, says about the call. */
export function callFailed(error: unknown): CallFailed {
  if (error instanceof CallFailed) return error;
  if (error instanceof ServerError) return new CallFailed(faultOfStatus(error.status), String(error.status));
  if (error instanceof Error && error.name === 'TimeoutError') return new CallFailed('timeout');
  // `fetch failed` without a connection: nothing was sent. A connection that broke in the call may have delivered it.
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
  return new CallFailed(code !== null && NEVER_SENT.has(code) ? 'unreachable' : 'broken_off', code);
}

function faultOfStatus(status: number): CallFault {
  if (status === 401 || status === 403) return 'unauthorized';
  return status >= 500 ? 'server_error' : 'refused';
}
