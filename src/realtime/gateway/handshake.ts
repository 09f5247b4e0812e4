import type { Duplex } from 'node:stream';
import { v7 as newId } from 'uuid';
import { type ClientMessageOf, clientMessages, CloseCode, type CloseReason } from '../protocol/index.ts';
import type { Admission, HeldMessage, WaitingSocket } from './admission.ts';
import type { GatewayContext } from './context.ts';
import { countUp, type EndLabel } from './counters.ts';
import { decodeEnvelope, decodeFields } from './decode.ts';
import { type FrameReceiver, type GatewaySocket, listenTo } from './gateway-socket.ts';
import { errorMessage, MessageRefused, refusalOf } from './message-refused.ts';
import { gatewayLimits } from './ports.ts';
import { becomeReady, signIn } from './sign-in.ts';
import type { TimedEntry } from './timer-wheel.ts';

const BINARY_NOT_ACCEPTED = 1003;
const UNAVAILABLE_RETRY_MS = 1_000;

/**
 * A socket before READY. Its budget of time, messages and bytes is not extended by traffic; the server says
 * nothing before HELLO; what comes between HELLO and READY waits and is handled afterwards in order.
 */
export class Handshake implements WaitingSocket, FrameReceiver, TimedEntry {
  /** Becomes the connection's id. */
  readonly id = newId();
  readonly socket: GatewaySocket;
  readonly stream: Duplex;
  readonly admission: Admission;
  helloNumber = 0;
  dueAtMs = 0;
  wheelSlot = -1;
  readonly #context: GatewayContext;
  #phase: 'waiting' | 'signing_in' | 'over' = 'waiting';
  #attempt = 0;
  #hello: ClientMessageOf<'HELLO'> | null = null;
  #held: HeldMessage[] = [];
  #audioBytes = 0;
  #messages = 0;
  #bytes = 0;
  #controlFrames = 0;

  constructor(context: GatewayContext, socket: GatewaySocket, stream: Duplex, admission: Admission) {
    this.#context = context;
    this.socket = socket;
    this.stream = stream;
    this.admission = admission;
  }

  /** Has to be called in the same tick as the upgrade, before anything is read. */
  begin(): void {
    listenTo(this.socket, this, this.#context.sockets);
    this.#context.handshakes.add(this);
    this.#context.counters.sockets.waiting += 1;
    if (this.admission.unknownProtocol) this.close('unsupported_protocol');
    else this.#waitForHello();
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  onText(data: Buffer): void {
    if (this.over) return;
    this.#messages += 1;
    this.#bytes += data.length;
    if (this.#messages > gatewayLimits.earlyMessages || this.#bytes > gatewayLimits.earlyBytes) {
      this.close('protocol_error');
    } else if (this.#phase === 'signing_in') {
      this.#held.push({ data, isBinary: false });
    } else {
      this.#first(data);
    }
  }

  onBinary(data: Buffer): void {
    if (this.over) return;
    if (this.#phase === 'signing_in') {
      // Perhaps of a talker who comes back: a join with audio before it decides. What is too much is lost, as audio is.
      this.#audioBytes += data.length;
      if (this.#audioBytes <= gatewayLimits.earlyBytes) this.#held.push({ data, isBinary: true });
      return;
    }
    this.socket.close(BINARY_NOT_ACCEPTED);
    this.#end('bad_frame');
  }

  onPing(payload: Buffer): void {
    this.onPong();
    if (!this.over) this.socket.pong(payload);
  }

  onPong(): void {
    if (this.over) return;
    this.#controlFrames += 1;
    if (this.#controlFrames > gatewayLimits.earlyControlFrames) this.close('protocol_error');
  }

  onEnd(how: 'peer' | 'bad_frame'): void {
    if (!this.over) this.#end(how);
  }

  onDue(): null {
    if (this.#phase === 'waiting') this.close('hello_timeout');
    else if (this.#phase === 'signing_in') this.#unavailable();
    return null;
  }

  close(reason: CloseReason): void {
    if (this.over) return;
    this.socket.close(CloseCode[reason], reason);
    this.#end(reason);
  }

  /** Hands the socket over to a connection. Returns what came meanwhile. */
  finish(): readonly HeldMessage[] {
    const held = this.#held;
    this.#leave();
    return held;
  }

  #first(data: Buffer): void {
    const envelope = decodeEnvelope(data);
    if ('refusal' in envelope) {
      if (looksLikeHello(data)) this.#refuse(envelope.re, envelope.refusal);
      this.close('unauthenticated');
    } else if (envelope.type !== 'HELLO') {
      // Sent in one flight with a HELLO that could not be answered yet.
      if (this.#attempt > 0) this.#refuse(envelope.id, unavailable());
      else this.close('unauthenticated');
    } else {
      const hello = decodeFields('HELLO', clientMessages.HELLO, envelope.value);
      if (hello instanceof MessageRefused) {
        this.#refuse(envelope.id, hello);
        this.close('unauthenticated');
      } else {
        void this.#signIn(hello);
      }
    }
  }

  async #signIn(hello: ClientMessageOf<'HELLO'>): Promise<void> {
    this.#phase = 'signing_in';
    this.#hello = hello;
    this.helloNumber = this.#context.hellos.next();
    this.#attempt += 1;
    const attempt = this.#attempt;
    const isCurrent = (): boolean => this.#phase === 'signing_in' && this.#attempt === attempt;
    const { wheel, timing, ports } = this.#context;
    wheel.schedule(this, ports.clock.monotonicMs() + timing.signInTimeoutMs);
    try {
      const result = await signIn(this.#context, this, hello, isCurrent);
      if (!isCurrent()) return;
      if (typeof result === 'string') this.close(result);
      else becomeReady(this.#context, this, hello, result);
    } catch (error) {
      if (!isCurrent()) return;
      if (refusalOf(error)?.code === 'unavailable') {
        this.#unavailable();
      } else {
        ports.logger.error({ err: error, ...this.#inLog }, 'HELLO failed');
        this.#refuse(hello.id, new MessageRefused('internal', 'An error inside the server.'));
        this.close('internal');
      }
    }
  }

  /** Who it is cannot be known now: the socket stays, the time for HELLO starts anew. */
  #unavailable(): void {
    const texts = this.#held.filter(({ isBinary }) => !isBinary);
    const unanswered = [this.#hello?.id ?? null, ...texts.map(({ data }) => idOf(data))];
    for (const id of unanswered) this.#refuse(id, unavailable());
    this.#held = [];
    this.#messages = 0;
    this.#bytes = 0;
    this.#audioBytes = 0;
    this.#controlFrames = 0;
    this.#waitForHello();
  }

  #waitForHello(): void {
    this.#phase = 'waiting';
    const { wheel, timing, ports } = this.#context;
    wheel.schedule(this, ports.clock.monotonicMs() + timing.helloTimeoutMs);
  }

  #refuse(re: string | null, refusal: MessageRefused): void {
    countUp(this.#context.counters.errors, refusal.code);
    this.socket.send(JSON.stringify(errorMessage(re, refusal)));
  }

  get #inLog() {
    return { requestId: this.admission.requestId, connectionId: this.id };
  }

  #end(label: EndLabel): void {
    countUp(this.#context.counters.ended, label);
    this.#context.ports.logger.debug({ ...this.#inLog, reason: label }, 'socket ended before READY');
    this.#leave();
  }

  #leave(): void {
    this.#phase = 'over';
    this.#held = [];
    this.#context.wheel.cancel(this);
    this.#context.handshakes.delete(this);
    this.#context.counters.sockets.waiting -= 1;
    this.admission.leaveQuota();
  }
}

function unavailable(): MessageRefused {
  return new MessageRefused('unavailable', 'Signing in is not possible at the moment.', UNAVAILABLE_RETRY_MS);
}

function idOf(data: Buffer): string | null {
  const envelope = decodeEnvelope(data);
  return 'refusal' in envelope ? envelope.re : envelope.id;
}

/** A HELLO whose `id` is no good is a HELLO with a bad field, not another message. */
function looksLikeHello(data: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    return typeof value === 'object' && value !== null && 'type' in value && value.type === 'HELLO';
  } catch {
    return false;
  }
}
