import type { Duplex } from 'node:stream';
import type { AccessSession, AccessUser, Membership } from '../access.ts';
import { CloseCode, type CloseReason, type ServerMessage } from '../protocol/index.ts';
import type { LiveConnection, PreparedFrame } from './connection.ts';
import type { GatewayContext } from './context.ts';
import { countUp, type EndLabel } from './counters.ts';
import { PING_FRAME, pongFrame, prepareFrame } from './frame.ts';
import type { FrameReceiver, GatewaySocket } from './gateway-socket.ts';
import { Inbound } from './inbound.ts';
import { Liveness } from './liveness.ts';
import { MessageRefused } from './message-refused.ts';
import { oldTokensCount } from './old-tokens.ts';
import { gatewayLimits } from './ports.ts';
import { releaseClaim } from './session-claiming.ts';
import type { TickTarget } from './tick-writer.ts';
import type { TimedEntry } from './timer-wheel.ts';

const BINARY_NOT_ACCEPTED = 1003;
/** While tokens cannot be renewed, how often an old one is looked at again. */
const TOKEN_RECHECK_MS = 1_000;

export interface ConnectionDetails {
  readonly id: string;
  readonly requestId: string;
  readonly user: AccessUser;
  readonly session: AccessSession;
  /** Unix time in milliseconds. */
  readonly tokenExpiresAtMs: number;
  readonly memberships: Map<string, Membership>;
  readonly pingIntervalMs: number;
  readonly helloNumber: number;
  readonly socket: GatewaySocket;
  readonly stream: Duplex;
}

/** A socket after READY. */
export class GatewayConnection implements LiveConnection, FrameReceiver, TimedEntry, TickTarget {
  readonly id: string;
  readonly requestId: string;
  user: AccessUser;
  readonly session: AccessSession;
  readonly memberships: Map<string, Membership>;
  readonly helloNumber: number;
  readonly joined = new Set<string>();
  readonly stream: Duplex;
  dueAtMs = 0;
  wheelSlot = -1;
  writtenInTick = 0;
  corked = false;
  tokenExpiresAtMs: number;
  readonly #socket: GatewaySocket;
  readonly #context: GatewayContext;
  readonly #liveness: Liveness;
  readonly #inbound: Inbound;
  /** Monotonic: when the token has expired. */
  #tokenDueMs = 0;
  /** Monotonic: when it was last told that the session is in use; signing in has told it. */
  #seenToldMs: number;
  #open = true;
  #hasAudio = false;
  /** Joins with audio that have come and are not decided. */
  #audioJoins = 0;

  constructor(context: GatewayContext, details: ConnectionDetails) {
    const nowMs = context.ports.clock.monotonicMs();
    this.id = details.id;
    this.requestId = details.requestId;
    this.user = details.user;
    this.session = details.session;
    this.memberships = details.memberships;
    this.tokenExpiresAtMs = details.tokenExpiresAtMs;
    this.helloNumber = details.helloNumber;
    this.stream = details.stream;
    this.#socket = details.socket;
    this.#context = context;
    this.#liveness = new Liveness(context.timing, details.pingIntervalMs, nowMs);
    this.#inbound = new Inbound(this, context, nowMs);
    this.#seenToldMs = nowMs;
    this.extendToken(details.tokenExpiresAtMs);
  }

  get open(): boolean {
    return this.#open;
  }

  send(message: ServerMessage): void {
    this.sendFrame(prepareFrame(JSON.stringify(message)));
  }

  sendText(text: string): void {
    this.sendFrame(prepareFrame(text));
  }

  sendFrame({ bytes }: PreparedFrame): void {
    if (!this.#open) return;
    const hasRoom = this.#context.writer.write(this, bytes);
    if (!hasRoom && this.stream.writableLength > gatewayLimits.bufferedBytes) {
      this.close('slow_consumer');
    } else if (this.#liveness.wrote(bytes.length, this.#context.ports.clock)) {
      this.#context.writer.write(this, PING_FRAME.bytes);
      this.#reschedule();
    }
  }

  sendAudio({ bytes }: PreparedFrame): boolean {
    if (!this.#open || !this.#liveness.takesAudio) return false;
    if (this.stream.writableLength > gatewayLimits.unconfirmedAudioBytes) return false;
    this.#context.writer.write(this, bytes);
    if (this.#liveness.wroteAudio(bytes.length)) this.#context.writer.write(this, PING_FRAME.bytes);
    return true;
  }

  acceptAudio(): void {
    this.#hasAudio = true;
  }

  awaitAudio(isAwaited: boolean): void {
    this.#audioJoins += isAwaited ? 1 : -1;
  }

  close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close(CloseCode[reason], reason);
    this.#afterEnd(reason);
  }

  watchTalker(talking: boolean): void {
    if (!this.#open) return;
    this.#liveness.watchTalker(talking, this.#monotonicMs());
    this.#reschedule();
  }

  /** `expiresAtMs`: Unix time in milliseconds. */
  extendToken(expiresAtMs: number): void {
    const { clock } = this.#context.ports;
    this.tokenExpiresAtMs = expiresAtMs;
    this.#tokenDueMs = clock.monotonicMs() + (expiresAtMs - clock.nowMs());
    if (this.#open) this.#reschedule();
  }

  onText(data: Buffer): void {
    if (!this.#open) return;
    const nowMs = this.#monotonicMs();
    this.#liveness.heard(nowMs);
    this.#tellHeard(nowMs);
    this.#inbound.text(data, nowMs);
  }

  onBinary(data: Buffer): void {
    if (!this.#open) return;
    const { listener } = this.#context.ports;
    if ((this.#hasAudio || this.#audioJoins > 0) && listener.onAudio !== undefined) {
      const nowMs = this.#monotonicMs();
      this.#liveness.heard(nowMs);
      this.#tellHeard(nowMs);
      const fault = listener.onAudio(this, data);
      if (fault !== null) this.#inbound.refuse(null, new MessageRefused('invalid_message', fault));
      return;
    }
    this.#open = false;
    this.#socket.close(BINARY_NOT_ACCEPTED);
    this.#afterEnd('bad_frame');
  }

  onPing(payload: Buffer): void {
    if (!this.#open) return;
    const nowMs = this.#monotonicMs();
    this.#liveness.heard(nowMs);
    this.#tellHeard(nowMs);
    if (this.#inbound.control(nowMs)) this.#context.writer.write(this, pongFrame(payload).bytes);
  }

  onPong(): void {
    if (!this.#open) return;
    const nowMs = this.#monotonicMs();
    this.#liveness.pong(nowMs);
    this.#tellHeard(nowMs);
    this.#inbound.control(nowMs);
  }

  onEnd(how: 'peer' | 'bad_frame'): void {
    if (!this.#open) return;
    this.#open = false;
    this.#afterEnd(how);
  }

  onDue(nowMs: number): number | null {
    const verdict = this.#liveness.check(nowMs);
    if (verdict === 'ping') this.#context.writer.write(this, PING_FRAME.bytes);
    else if (verdict !== 'nothing') this.close(verdict);
    if (this.#open && nowMs >= this.#tokenDueMs) this.#tokenExpired(nowMs);
    return this.#open ? this.#nextDueMs : null;
  }

  #tokenExpired(nowMs: number): void {
    if (oldTokensCount(this.#context, nowMs)) this.#tokenDueMs = nowMs + TOKEN_RECHECK_MS;
    else this.close('token_expired');
  }

  /** What follows the end of the socket, once. */
  #afterEnd(label: EndLabel): void {
    const { registry, wheel, counters, ports } = this.#context;
    wheel.cancel(this);
    registry.remove(this);
    this.#inbound.clear();
    counters.sockets.ready -= 1;
    countUp(counters.ended, label);
    const { requestId, tokenExpiresAtMs } = this;
    const log = { requestId, connectionId: this.id, userId: this.user.id, sessionId: this.session.id };
    if (label !== 'replaced') releaseClaim(this.#context, { ...log, tokenExpiresAtMs });
    try {
      ports.listener.onGone(this, label === 'replaced' ? 'replaced' : 'closed');
    } catch (err) {
      ports.logger.error({ ...log, err }, 'the end of a socket could not be told');
    }
    ports.logger.debug({ ...log, reason: label }, 'socket ended');
  }

  #tellHeard(nowMs: number): void {
    const { ports, timing } = this.#context;
    if (nowMs - this.#seenToldMs >= timing.seenEveryMs) {
      this.#seenToldMs = nowMs;
      ports.sessions.seen(this.session.id);
    }
    if (this.#liveness.talking) ports.listener.onHeard?.(this);
  }

  get #nextDueMs(): number {
    return Math.min(this.#liveness.nextDueMs, this.#tokenDueMs);
  }

  #reschedule(): void {
    this.#context.wheel.schedule(this, this.#nextDueMs);
  }

  #monotonicMs(): number {
    return this.#context.ports.clock.monotonicMs();
  }
}
