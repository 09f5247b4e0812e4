import { setTimeout as pause } from 'node:timers/promises';
import type { GroupRooms } from '../group-rooms.ts';
import { memberOf, type RoomMember } from '../identities.ts';
import type { MediaLog } from '../media-log.ts';
import { mediaIdentity } from '../port.ts';
import type { Guest } from '../room-control.ts';
import { createGuardCounters, type GuardCounters } from './counters.ts';
import { desiredRight, type Floor } from './desired-right.ts';
import type { Enforcer } from './enforcer.ts';
import { KnownMembers } from './known-members.ts';
import { type Finding, look } from './look.ts';
import { type Out, OutList } from './out-list.ts';
import type { MediaGuard } from './port.ts';
import { Reconciler, type ReconcilerTimes } from './reconciler.ts';
import { roomChangeOf } from './room-events.ts';
import { SilentTalkers } from './silent-talkers.ts';
import { type MediaEvent, type Webhook, WebhookRefused } from './webhook.ts';

/** Limit of one call to the media server, in milliseconds. */
const CALL_MS = 1_000;
/** The list of a large room takes longer. */
const LIST_MS = 2_000;
/** What is under way when the process stops gets this long. */
const DRAIN_MS = 2_000;
/** A second track may be the last breath of the one before: it counts when it is there still after so long. */
const SECOND_LOOK_MS = 300;

const NOBODY: ReadonlySet<string> = new Set();

/** What the guard asks and tells of the rest of the server. */
export interface GuardPorts {
  /** Ends a talk whose media cannot be carried, cause `media_failed`. */
  failTalk(groupId: string, talkId: string): Promise<void>;
  /** Groups that this process has members in. */
  present(): Iterable<string>;
  /** Who of these may not be in the room of the group, being no member or of no living session. Throws when unknown. */
  outsidersOf(groupId: string, members: readonly RoomMember[]): Promise<readonly RoomMember[]>;
  /** The groups that a user is in. Throws when unknown. */
  groupsOf(userId: string): Promise<readonly string[]>;
}

export interface MediaGuardOptions {
  readonly rooms: GroupRooms;
  readonly enforcer: Enforcer;
  /** Throws when it cannot be known. */
  readonly floor: (groupId: string) => Promise<Floor>;
  readonly reachable: () => Promise<boolean>;
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
  readonly #outs: OutList;
  readonly #known = new KnownMembers();
  readonly #silent = new SilentTalkers();
  readonly #reconciler: Reconciler;
  #forgetBack: (() => void) | null = null;
  readonly #going = new Set<Promise<void>>();
  /** Identities that were seen publishing without the floor by the look before, by group. */
  readonly #caughtBefore = new Map<string, ReadonlySet<string>>();

  constructor(options: MediaGuardOptions) {
    const { rooms, reachable, ports, times, log } = options;
    this.#options = options;
    this.#outs = new OutList(times.watchMs);
    this.#reconciler = new Reconciler(
      {
        reachable,
        rooms: () => rooms.open(LIST_MS),
        present: () => ports.present(),
        inspect: (groupId) => this.#inspect(groupId),
      },
      times,
      log,
    );
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
      this.#outs.forgive(whom);
    } else {
      this.#outs.add(whom);
      this.#inBackground(null, () => this.#putOut(whom));
    }
  }

  #follow(event: MediaEvent): void {
    const groupId = this.#options.rooms.groupOf(event.room);
    if (groupId === null) return;
    this.#inBackground(groupId, async () => {
      await this.#options.showedLife();
      await (event.kind === 'joined'
        ? this.#onJoined(groupId, { ...event, tracks: [] })
        : this.#onPublished(groupId, event.identity));
    });
  }

  async #onJoined(groupId: string, guest: Guest): Promise<void> {
    // Who may publish is met before anything else is asked.
    for (const finding of look([guest], await this.#options.floor(groupId), NOBODY)) await this.#act(groupId, finding);
    const { identity } = guest;
    const outsiders = await this.#outsiders(groupId, membersAmong([guest]));
    if (outsiders.has(identity)) await this.#act(groupId, { identity, kind: 'outsider' });
  }

  async #onPublished(groupId: string, identity: string): Promise<void> {
    const { floor, enforcer, rooms } = this.#options;
    const published = { identity, mayPublish: true, tracks: [{ isVoice: true }] };
    const before = await floor(groupId);
    const findings = look([published], before, NOBODY);
    for (const finding of findings) await this.#act(groupId, finding);
    if (findings.length > 0) return;
    // He has the floor, or is just being given it.
    if ((await enforcer.enforce(groupId, identity)) !== 'allowed') return;
    const now = await floor(groupId);
    if (now.talk?.identity === identity) this.#silent.saw(groupId, now.talk.talkId, true);
    const guest = await rooms.guest(groupId, identity, CALL_MS);
    if (guest === null) return;
    for (const finding of look([guest], now, NOBODY)) await this.#act(groupId, finding);
  }

  /** Looks at the whole room of a group. */
  async #inspect(groupId: string): Promise<void> {
    const { rooms, floor } = this.#options;
    try {
      const before = await floor(groupId);
      const guests = await rooms.guests(groupId, LIST_MS);
      const now = await floor(groupId);
      // What was seen belongs to neither of two talks.
      if (before.talk?.talkId === now.talk?.talkId) this.#seeTalker(groupId, now, guests);
      const outsiders = await this.#outsiders(groupId, membersAmong(guests));
      await this.#actOnAll(groupId, look(guests, now, outsiders));
    } catch (error) {
      this.#silent.couldNotLook(groupId);
      throw error;
    }
  }

  #seeTalker(groupId: string, { talk }: Floor, guests: readonly Guest[]): void {
    if (talk === null || talk.identity === null) return this.#silent.forget(groupId);
    const { talkId, identity } = talk;
    const hasTrack = guests.some((guest) => guest.identity === identity && guest.tracks.length > 0);
    if (!this.#silent.saw(groupId, talkId, hasTrack)) return;
    this.#inBackground(groupId, async () => {
      this.#note(groupId, { identity, kind: 'silent_talker' });
      await this.#options.ports.failTalk(groupId, talkId);
    });
  }

  async #actOnAll(groupId: string, findings: readonly Finding[]): Promise<void> {
    const before = this.#caughtBefore.get(groupId);
    const caught = findings.filter(({ kind }) => kind === 'track_without_floor').map(({ identity }) => identity);
    if (caught.length > 0) this.#caughtBefore.set(groupId, new Set(caught));
    else this.#caughtBefore.delete(groupId);
    await Promise.all(
      findings.map(async (finding) => {
        const { identity, kind } = finding;
        // LISTEN ends every track: who publishes still is not to be reached by it.
        const isStubborn = kind === 'track_without_floor' && before?.has(identity) === true;
        try {
          await this.#act(groupId, finding);
        } finally {
          if (isStubborn) await this.#expelUnlessAllowed(groupId, identity);
        }
      }),
    );
  }

  async #act(groupId: string, finding: Finding): Promise<void> {
    const { enforcer } = this.#options;
    const { identity, kind } = finding;
    switch (kind) {
      case 'unknown_identity':
      case 'outsider':
        this.#note(groupId, finding);
        return this.#expel(groupId, identity);
      case 'right_without_floor':
      case 'track_without_floor':
        if ((await enforcer.enforce(groupId, identity)) !== 'allowed') this.#note(groupId, finding);
        return;
      case 'right_lost':
        if ((await enforcer.assert(groupId, identity)) === 'allowed') this.#note(groupId, finding);
        return;
      case 'wrong_track':
        return this.#failTalker(groupId, finding);
      case 'second_track':
        await pause(SECOND_LOOK_MS);
        if (await this.#hasSecondTrack(groupId, identity)) await this.#failTalker(groupId, finding);
        return;
      default:
        kind satisfies never;
    }
  }

  async #hasSecondTrack(groupId: string, identity: string): Promise<boolean> {
    const guest = await this.#options.rooms.guest(groupId, identity, CALL_MS);
    return guest !== null && guest.tracks.length > 1;
  }

  /** Who abuses the floor has lost it. */
  async #failTalker(groupId: string, finding: Finding): Promise<void> {
    const { floor, ports, enforcer } = this.#options;
    const { talk } = await floor(groupId);
    if (talk?.identity === finding.identity) {
      this.#note(groupId, finding);
      await ports.failTalk(groupId, talk.talkId);
    }
    await enforcer.enforce(groupId, finding.identity);
  }

  async #expelUnlessAllowed(groupId: string, identity: string): Promise<void> {
    if (desiredRight(identity, await this.#options.floor(groupId)) === 'listen') await this.#expel(groupId, identity);
  }

  /** First nobody hears him any more, then he is gone; he may come back, and is met then. */
  async #expel(groupId: string, identity: string): Promise<void> {
    const { rooms } = this.#options;
    this.#reconciler.watch(groupId);
    try {
      await rooms.setRight(groupId, identity, 'listen', CALL_MS);
    } finally {
      await rooms.remove(groupId, identity, CALL_MS);
    }
  }

  async #putOut(out: Out): Promise<void> {
    for (const groupId of await this.#groupsOf(out)) {
      // Whoever cannot be reached now is found by the next look.
      this.#reconciler.watch(groupId);
      this.#inBackground(groupId, async () => {
        const members = await this.#membersOf(out, groupId);
        const outsiders = await this.#outsiders(groupId, members);
        await Promise.all([...outsiders].map((identity) => this.#act(groupId, { identity, kind: 'outsider' })));
      });
    }
  }

  async #groupsOf({ groupId, userId }: Out): Promise<readonly string[]> {
    const { ports, rooms } = this.#options;
    if (groupId !== null) return [groupId];
    try {
      return userId === null ? [] : await ports.groupsOf(userId);
    } catch {
      return (await rooms.open(LIST_MS)).map((room) => room.groupId);
    }
  }

  /** Whom it names of those who are in the room. */
  async #membersOf({ userId, sessionId }: Out, groupId: string): Promise<readonly RoomMember[]> {
    if (userId !== null && sessionId !== null) return [{ userId, sessionId }];
    const guests = await this.#options.rooms.guests(groupId, LIST_MS);
    return membersAmong(guests).filter((member) => userId === null || member.userId === userId);
  }

  /**
   * The identities of those who may not be in the room. While that cannot be asked, those who were put out lately, and
   * nobody else.
   */
  async #outsiders(groupId: string, members: readonly RoomMember[]): Promise<ReadonlySet<string>> {
    const open = members.filter((member) => this.#outs.has(groupId, member) || !this.#known.has(groupId, member));
    if (open.length === 0) return new Set();
    let outsiders: readonly RoomMember[];
    try {
      outsiders = await this.#options.ports.outsidersOf(groupId, open);
      this.#known.add(groupId, open);
    } catch {
      outsiders = open.filter((member) => this.#outs.has(groupId, member));
    }
    for (const member of outsiders) this.#known.drop(groupId, member);
    return new Set(outsiders.map(({ userId, sessionId }) => mediaIdentity(userId, sessionId)));
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

function membersAmong(guests: readonly Guest[]): readonly RoomMember[] {
  return guests.flatMap(({ identity }) => memberOf(identity) ?? []);
}

/** Never the vendor's words. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
