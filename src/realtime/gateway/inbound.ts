import type { Connection } from './connection.ts';
import type { GatewayContext } from './context.ts';
import { countUp } from './counters.ts';
import { type BadMessage, decodeEnvelope, decodeFields, type Envelope, refuseType } from './decode.ts';
import { GroupLanes } from './group-lanes.ts';
import type { ClientMessage, MessageModule } from './message-module.ts';
import { errorMessage, MessageRefused, refusalOf } from './message-refused.ts';
import { gatewayLimits } from './ports.ts';
import { TokenBucket } from './token-bucket.ts';

/** After this long without a refusal by the rate limit, earlier ones are forgotten. */
const CALM_MS = 2_000;
const RATE_LIMITED_RETRY_MS = 1_000;
/** What lets go of something is never refused by the rate limit; it counts all the same. */
const alwaysHandled: readonly unknown[] = ['RELEASE_TALK', 'LEAVE_GROUP'];

interface Work {
  readonly inbound: Inbound;
  readonly module: MessageModule;
  readonly message: ClientMessage;
}

/** The way of one connection's messages after READY: rate limit, envelope, fields, handler; one answer each. */
export class Inbound {
  readonly #connection: Connection;
  readonly #context: GatewayContext;
  readonly #bucket: TokenBucket;
  readonly #lanes = new GroupLanes<Work>(startWork);
  #refused = 0;
  #lastRefusedMs = 0;
  #invalidAtMs: number[] | null = null;

  constructor(connection: Connection, context: GatewayContext, nowMs: number) {
    this.#connection = connection;
    this.#context = context;
    this.#bucket = new TokenBucket(gatewayLimits.messageBurst, nowMs);
  }

  text(data: Buffer, nowMs: number): void {
    const admitted = this.#admit(nowMs);
    const envelope = decodeEnvelope(data);
    if (!admitted && !this.#passes(envelope, nowMs)) return;
    if ('refusal' in envelope) {
      countUp(this.#context.counters.messages, 'unknown');
      this.refuse(envelope.re, envelope.refusal);
    } else {
      this.#handle(envelope);
    }
  }

  /** Pings and pongs count as messages; false for one over the rate, which gets no answer. */
  control(nowMs: number): boolean {
    const admitted = this.#admit(nowMs);
    if (!admitted) this.#countRefused(nowMs);
    return admitted;
  }

  /** Drops what has not started. */
  clear(): void {
    this.#lanes.clear();
  }

  /** Runs a handler; what it throws is the message's answer. */
  run({ module, message }: Work): Promise<void> | void {
    try {
      const running = module.handle(this.#connection, message);
      if (running) return running.catch((error: unknown) => this.#answerFailure(message, error));
    } catch (error) {
      this.#answerFailure(message, error);
    }
  }

  /** Answers with `ERROR`; the third invalid message within ten minutes ends the connection. */
  refuse(re: string | null, refusal: MessageRefused): void {
    countUp(this.#context.counters.errors, refusal.code);
    this.#connection.send(errorMessage(re, refusal));
    if (refusal.code !== 'invalid_message' && refusal.code !== 'unknown_type') return;
    const nowMs = this.#context.ports.clock.monotonicMs();
    const since = nowMs - gatewayLimits.invalidWindowMs;
    this.#invalidAtMs = [...(this.#invalidAtMs ?? []).filter((atMs) => atMs > since), nowMs];
    if (this.#invalidAtMs.length >= gatewayLimits.invalidMessages) this.#connection.close('protocol_error');
  }

  #handle({ type, id, value }: Envelope): void {
    const module = typeof type === 'string' ? this.#context.dispatch.get(type) : undefined;
    if (module === undefined) {
      countUp(this.#context.counters.messages, 'unknown');
      this.refuse(id, refuseType(type));
      return;
    }
    countUp(this.#context.counters.messages, module.type);
    const message = decodeFields(module.type, module.schema, value);
    if (message instanceof MessageRefused) {
      this.refuse(id, message);
      return;
    }
    const work: Work = { inbound: this, module, message };
    module.arrives?.(this.#connection, message);
    if (!('groupId' in message)) {
      void this.run(work);
      return;
    }
    this.#lanes.add(message.groupId, work);
    if (this.#lanes.waiting > gatewayLimits.waitingMessages) this.#connection.close('rate_limited');
  }

  #admit(nowMs: number): boolean {
    return (
      !this.#context.ports.rateLimits ||
      this.#bucket.take(nowMs, gatewayLimits.messagesPerSecond, gatewayLimits.messageBurst)
    );
  }

  /** Whether a message over the rate is handled all the same; answers it when not. */
  #passes(envelope: Envelope | BadMessage, nowMs: number): boolean {
    if (!this.#countRefused(nowMs)) return false;
    if ('type' in envelope && alwaysHandled.includes(envelope.type)) return true;
    const re = 'refusal' in envelope ? envelope.re : envelope.id;
    this.refuse(re, new MessageRefused('rate_limited', 'Too many messages.', RATE_LIMITED_RETRY_MS));
    return false;
  }

  /** False when it went on for too long and the connection was closed. */
  #countRefused(nowMs: number): boolean {
    if (nowMs - this.#lastRefusedMs > CALM_MS) this.#refused = 0;
    this.#lastRefusedMs = nowMs;
    this.#refused += 1;
    if (this.#refused <= gatewayLimits.refusedMessages) return true;
    this.#connection.close('rate_limited');
    return false;
  }

  #answerFailure(message: ClientMessage, error: unknown): void {
    const refusal = refusalOf(error);
    if (refusal === null) {
      const { id: connectionId, requestId, user } = this.#connection;
      this.#context.ports.logger.error(
        { err: error, requestId, connectionId, userId: user.id, messageType: message.type },
        'message handler failed',
      );
    }
    this.refuse(message.id, refusal ?? new MessageRefused('internal', 'An error inside the server.'));
  }
}

function startWork(work: Work): Promise<void> | void {
  return work.inbound.run(work);
}
