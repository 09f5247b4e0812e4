import { setTimeout as pause } from 'node:timers/promises';
import type { GroupRooms } from '../group-rooms.ts';
import type { MediaLog } from '../media-log.ts';
import { createGuardCounters, type GuardCounters } from './counters.ts';
import type { Floor } from './desired-right.ts';
import type { Enforcer } from './enforcer.ts';
import { Inspector } from './inspector.ts';
import { LIST_MS } from './limits.ts';
import type { Out } from './out-list.ts';
import { Outsiders, type OutsidersOf } from './outsiders.ts';
import type { MediaGuard } from './port.ts';
import { Reconciler, type ReconcilerTimes } from './reconciler.ts';
import { Remedies } from './remedies.ts';
import { roomChangeOf } from './room-events.ts';
import { type MediaEvent, type Webhook, WebhookRefused } from './webhook.ts';
import { groupsToLeave, membersNamed } from './whereabouts.ts';

/** What is under way when the process stops gets this long. */
const DRAIN_MS = 2_000;

/** What the guard asks and tells of the rest of the server. */
export interface GuardPorts {
  /** Ends a talk whose media cannot be carried, cause `media_failed`. */
  failTalk(groupId: string, talkId: string): Promise<void>;
  /** Groups that this process has members in. */
  present(): Iterable<string>;
  readonly outsidersOf: OutsidersOf;
  /** The groups that a user is in. Throws when unknown. */
  groupsOf(userId: string): Promise<readonly string[]>;
}

export interface MediaGuardOptions {
  readonly rooms: GroupRooms;
  readonly enforcer: Enforcer;
  /** Throws when it cannot be known. */
  readonly floor: (groupId: string) => Promise<Floor>;
  /** Tells that the media server is back after it was away. Returns how to stop that. */
  readonly onBack: (listener: () => void) => () => void;
  /** The media server has told something: it is called again, also where it counted as away. */
  readonly showedLife: () => Promise<void>;
  readonly webhook: Webhook;
  readonly ports: GuardPorts;
  readonly times: ReconcilerTimes;
  readonly log: MediaLog;
}

/**
 * Sees to it that in the rooms of the media server nobody is heard without the floor and nobody hears who is not of the
 * group (media.md "The rule"): by what the media server tells when somebody joins or publishes, and by looking.
 */
export class LivekitGuard implements MediaGuard {
  readonly counters: GuardCounters = createGuardCounters();
  readonly #options: MediaGuardOptions;
  readonly #outsiders: Outsiders;
  readonly #remedies: Remedies;
  readonly #inspector: Inspector;
  readonly #reconciler: Reconciler;
  #forgetBack: (() => void) | null = null;
  readonly #going = new Set<Promise<void>>();

  constructor(options: MediaGuardOptions) {
    const { rooms, enforcer, floor, ports, times, log } = options;
    this.#options = options;
    this.#reconciler = new Reconciler(
      {
        rooms: () => rooms.open(LIST_MS),
        present: () => ports.present(),
        inspect: (groupId) => this.#inspector.inspect(groupId),
      },
      times,
      log,
    );
    this.#outsiders = new Outsiders((groupId, members) => ports.outsidersOf(groupId, members), times.watchMs);
    this.#remedies = new Remedies({
      rooms,
      enforcer,
      floor,
      failTalk: (groupId, talkId) => ports.failTalk(groupId, talkId),
      watch: (groupId) => this.#reconciler.watch(groupId),
      note: (groupId, finding) => this.#note(groupId, finding),
    });
    this.#inspector = new Inspector({
      rooms,
      enforcer,
      floor,
      outsiders: this.#outsiders,
      remedies: this.#remedies,
      onSilentTalker: (groupId, identity, talkId) =>
        this.#inBackground(groupId, async () => {
          this.#note(groupId, { identity, kind: 'silent_talker' });
          await ports.failTalk(groupId, talkId);
        }),
    });
  }

  start(): void {
    // A media server that is back may have the rooms and rights of before.
    this.#forgetBack ??= this.#options.onBack(() => this.#reconciler.sweep());
    this.#reconciler.sweep();
  }

  async close(): Promise<void> {
    this.#forgetBack?.();
    const drained = new AbortController();
    await Promise.race([
      Promise.all([this.#reconciler.close(), ...this.#going]).finally(() => drained.abort()),
      pause(DRAIN_MS, undefined, { signal: drained.signal }).catch(() => undefined),
    ]);
  }

  isSigned(authorization: string | undefined): Promise<boolean> {
    return this.#options.webhook.isSigned(authorization);
  }

  async receive(body: Uint8Array, authorization: string | undefined): Promise<void> {
    const { webhooks } = this.counters;
    try {
      const told = await this.#options.webhook.receive(body, authorization);
      webhooks[told.kind === 'repeated' || told.kind === 'stale' ? told.kind : 'taken'] += 1;
      if (told.kind === 'joined' || told.kind === 'published') this.#follow(told);
    } catch (error) {
      if (error instanceof WebhookRefused) webhooks.refused += 1;
      throw error;
    }
  }

  heard(event: { readonly type: string; readonly payload: unknown }): void {
    const change = roomChangeOf(event);
    if (change === null) return;
    const { kind, whom } = change;
    if (kind === 'in') {
      this.#outsiders.forgive(whom);
    } else {
      this.#outsiders.putOut(whom);
      this.#inBackground(null, () => this.#putOut(whom));
    }
  }

  #follow(event: MediaEvent): void {
    const groupId = this.#options.rooms.groupOf(event.room);
    if (groupId === null) return;
    this.#inBackground(groupId, async () => {
      await this.#options.showedLife();
      await (event.kind === 'joined'
        ? this.#inspector.joined(groupId, { ...event, tracks: [] })
        : this.#inspector.published(groupId, event.identity));
    });
  }

  async #putOut(out: Out): Promise<void> {
    const { ports, rooms } = this.#options;
    for (const groupId of await groupsToLeave(out, rooms, (userId) => ports.groupsOf(userId))) {
      // Whoever cannot be reached now is found by the next look.
      this.#reconciler.watch(groupId);
      this.#inBackground(groupId, async () => {
        const members = await membersNamed(out, rooms, groupId);
        const outsiders = await this.#outsiders.among(groupId, members);
        await Promise.all(
          [...outsiders].map((identity) => this.#remedies.apply(groupId, { identity, kind: 'outsider' })),
        );
      });
    }
  }

  #note(groupId: string, { identity, kind }: { identity: string; kind: keyof GuardCounters['findings'] }): void {
    this.counters.findings[kind] += 1;
    this.#reconciler.watch(groupId);
    this.#options.log.info({ groupId, identity, finding: kind }, 'somebody in a room was not as the floor says');
  }

  #inBackground(groupId: string | null, work: () => Promise<void>): void {
    const going: Promise<void> = work()
      .catch((error: unknown) => {
        if (groupId !== null) this.#reconciler.watch(groupId);
        this.#options.log.info(
          { groupId, reason: reasonOf(error) },
          'a room could not be put right, and is looked at again',
        );
      })
      .finally(() => this.#going.delete(going));
    this.#going.add(going);
  }
}

/** Never the vendor's words. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
