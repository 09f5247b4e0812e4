import type { Media } from '../protocol/index.ts';
import { MediaBreaker } from './breaker.ts';
import { CallFailed } from './call-failed.ts';
import { CallsInOrder, TurnMissed } from './calls-in-order.ts';
import { GroupRooms, type Right } from './group-rooms.ts';
import { desiredRight, type Floor, freeFloor } from './guard/desired-right.ts';
import { Enforcer } from './guard/enforcer.ts';
import { MediaHealth } from './health.ts';
import type { MediaLog } from './media-log.ts';
import { LISTEN, SPEAK } from './permissions.ts';
import { type MediaServer, MediaUnavailable } from './port.ts';
import { RoomControl, type RoomControlAddress } from './room-control.ts';
import { TAINT_TIMES, TaintedIdentities, type TaintTimes } from './tainted-identities.ts';
import { listenMedia, publishMedia, type TokenIssuer } from './tokens.ts';

/** Limit of one background call, in milliseconds. */
const BACKGROUND_CALL_MS = 1_000;
/** Less time than this is not worth a call, in milliseconds. */
const SHORTEST_CALL_MS = 20;
/** How often a right is set that other calls overrule. */
const MOST_ATTEMPTS = 4;
/** How long one identity is followed through changes of the floor, in milliseconds. */
const ENFORCE_MS = 10_000;

export interface LivekitOptions {
  readonly livekit: RoomControlAddress & TokenIssuer;
  /** Rooms are named by it, and rooms of another prefix are never touched (protocol.md "Redis, as operators see it"). */
  readonly keyPrefix: string;
  readonly log: MediaLog;
  readonly taintTimes?: TaintTimes;
  /** Who has the floor of a group, by the live store; throws when that cannot be known. Left out: nobody. */
  readonly floor?: (groupId: string) => Promise<Floor>;
}

/** The media server port on LiveKit's room service. */
export class LivekitMediaServer implements MediaServer {
  readonly kind = 'livekit';
  readonly #issuer: TokenIssuer;
  readonly #keyPrefix: string;
  readonly #control: RoomControl;
  readonly #order = new CallsInOrder();
  readonly #taints: TaintedIdentities;
  readonly #health: MediaHealth;
  readonly #floor: (groupId: string) => Promise<Floor>;
  /** For the guard: looks at the rooms, and calls in the order of all others. */
  readonly rooms: GroupRooms;
  readonly enforcer: Enforcer;

  constructor(options: LivekitOptions) {
    const { livekit, keyPrefix, log } = options;
    this.#issuer = livekit;
    this.#keyPrefix = keyPrefix;
    const breaker = new MediaBreaker();
    this.#control = new RoomControl(livekit, breaker);
    const look = (limitMs: number): Promise<void> => this.#control.probe(`${keyPrefix}neda.`, limitMs);
    this.#health = new MediaHealth({ breaker, look, log });
    this.#floor = options.floor ?? (async () => freeFloor);
    this.rooms = new GroupRooms(this.#control, this.#order, keyPrefix);
    this.enforcer = new Enforcer(
      { floor: this.#floor, setRight: (groupId, identity, right) => this.#setByFloor(groupId, identity, right) },
      ENFORCE_MS,
    );
    this.#taints = new TaintedIdentities(
      {
        reachable: async () => (await this.#health.state()) === 'ok',
        assertListen: (groupId, identity, wanted) => this.#assertListen(groupId, identity, wanted),
        remove: (groupId, identity, wanted) =>
          this.#order.run(groupId, BACKGROUND_CALL_MS, async () => {
            if (wanted()) await this.#control.remove(this.#room(groupId), identity, BACKGROUND_CALL_MS);
          }),
      },
      options.taintTimes ?? TAINT_TIMES,
      log,
    );
  }

  async allowSpeaking(groupId: string, identity: string, budgetMs: number): Promise<'confirmed' | 'absent'> {
    const deadlineMs = performance.now() + budgetMs;
    try {
      return await this.#order.run(groupId, budgetMs, async () => {
        const outcome = await this.#speakUntilObeyed(groupId, identity, deadlineMs);
        this.#taints.forget(groupId, identity);
        return outcome;
      });
    } catch (error) {
      if (error instanceof CallFailed && error.outcomeUnknown) this.#taints.add(groupId, identity, true);
      throw this.#unavailable(error);
    }
  }

  async withdrawSpeaking(groupId: string, identity: string, budgetMs: number): Promise<void> {
    const deadlineMs = performance.now() + budgetMs;
    const room = this.#room(groupId);
    try {
      await this.#order.run(groupId, budgetMs, async () => {
        try {
          await this.#control.setRights(room, identity, LISTEN, timeLeft(deadlineMs));
        } catch (error) {
          // A failure that came quickly leaves time for a second try.
          if (deadlineMs - performance.now() < SHORTEST_CALL_MS) throw error;
          await this.#control.setRights(room, identity, LISTEN, timeLeft(deadlineMs));
        }
      });
    } catch (error) {
      this.#taints.add(groupId, identity, false);
      throw this.#unavailable(error);
    }
    this.#recheck(groupId, identity);
  }

  async assertRight(groupId: string, identity: string): Promise<void> {
    await this.enforcer.assert(groupId, identity);
  }

  async dismiss(groupId: string, identity: string): Promise<void> {
    const deadlineMs = performance.now() + BACKGROUND_CALL_MS;
    const room = this.#room(groupId);
    try {
      await this.#order.run(groupId, BACKGROUND_CALL_MS, async () => {
        // Without a right, as he may come back with the one that he had last.
        const outcome = await this.#control.setRights(room, identity, LISTEN, timeLeft(deadlineMs));
        if (outcome === 'confirmed') await this.#control.remove(room, identity, timeLeft(deadlineMs));
      });
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  listenDescription(groupId: string, identity: string): Promise<Media> {
    return listenMedia(this.#issuer, this.#room(groupId), identity);
  }

  publishDescription(groupId: string, identity: string): Promise<Media> {
    return publishMedia(this.#issuer, this.#room(groupId), identity);
  }

  health(): Promise<'ok' | 'down'> {
    return this.#health.state();
  }

  /** `listener` is called each time LiveKit can be used again after it could not. Returns how to stop that. */
  onBack(listener: () => void): () => void {
    return this.#health.onBack(listener);
  }

  /** LiveKit has told something itself: where it counts as away, that is looked at now. */
  showedLife(): Promise<void> {
    return this.#health.showedLife();
  }

  async close(): Promise<void> {
    this.#health.close();
    await this.#taints.close();
    await this.#order.settled();
  }

  /** A call of another process that came at the same time may have won: it is made again, as the floor is his. */
  async #speakUntilObeyed(groupId: string, identity: string, deadlineMs: number): Promise<'confirmed' | 'absent'> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#control.setRights(this.#room(groupId), identity, SPEAK, timeLeft(deadlineMs));
      } catch (error) {
        if (!isDisobeyed(error) || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  /** Perhaps he was given the floor anew, by another process, before this LISTEN arrived. */
  #recheck(groupId: string, identity: string): void {
    this.enforcer.recheck(groupId, identity).catch(() => this.#taints.add(groupId, identity, false));
  }

  async #setByFloor(groupId: string, identity: string, right: Right): Promise<'confirmed' | 'absent' | 'overruled'> {
    try {
      return await this.rooms.setRight(groupId, identity, right, BACKGROUND_CALL_MS);
    } catch (error) {
      if (isDisobeyed(error)) return 'overruled';
      this.#taints.add(groupId, identity, right === 'speak');
      throw error;
    }
  }

  async #assertListen(
    groupId: string,
    identity: string,
    wanted: () => boolean,
  ): Promise<'listens' | 'may_publish' | 'absent'> {
    const room = this.#room(groupId);
    const right = desiredRight(identity, await this.#floor(groupId));
    if (right !== 'listen') {
      await this.enforcer.assert(groupId, identity);
      return 'listens';
    }
    const seen = await this.#order.run(groupId, BACKGROUND_CALL_MS, async () => {
      if (!wanted()) return 'listens';
      try {
        await this.#control.setRights(room, identity, LISTEN, BACKGROUND_CALL_MS);
      } catch (error) {
        if (error instanceof CallFailed && error.fault === 'not_applied') return 'may_publish';
        throw error;
      }
      return this.#control.readRight(room, identity, BACKGROUND_CALL_MS);
    });
    if (seen === 'listens') this.#recheck(groupId, identity);
    return seen;
  }

  #room(groupId: string): string {
    return `${this.#keyPrefix}neda.${groupId}`;
  }

  #unavailable(error: unknown): MediaUnavailable {
    if (error instanceof TurnMissed)
      return new MediaUnavailable('earlier calls for the group used up the time', true, false);
    if (!(error instanceof CallFailed)) throw error;
    return new MediaUnavailable(error.message, error.isOutage, !error.outcomeUnknown);
  }
}

/** The media server has answered, with another right than the one that was set. */
function isDisobeyed(error: unknown): boolean {
  return error instanceof CallFailed && error.fault === 'not_applied';
}

/** Throws when too little is left of the budget for a call to be worth it. */
function timeLeft(deadlineMs: number): number {
  const leftMs = deadlineMs - performance.now();
  if (leftMs < SHORTEST_CALL_MS) throw new TurnMissed('the budget is used up');
  return leftMs;
}
