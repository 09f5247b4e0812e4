import type { GroupRole, TalkRight } from './protocol/index.ts';

/**
 * What the realtime layer must know of people and groups, as two narrow ports: it reads nothing else
 * of the other domains, so that it can become a service of its own.
 */

export interface AccessUser {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly role: 'admin' | 'user';
}

export interface AccessSession {
  readonly id: string;
  readonly userId: string;
  readonly device: { readonly name: string; readonly kind: string };
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly current: boolean;
}

export type Authentication =
  | {
      readonly ok: true;
      readonly user: AccessUser;
      readonly session: AccessSession;
      /** End of the access token, Unix time in milliseconds. */
      readonly expiresAtMs: number;
    }
  | {
      readonly ok: false;
      readonly reason: 'token_invalid' | 'token_expired' | 'token_wrong_type' | 'user_disabled' | 'session_revoked';
    };

/** Is this session alive, and whose is it? Throws `AppError` `dependency_unavailable` when that cannot be known. */
export interface SessionAccess {
  authenticate(
    accessToken: string,
    options?: {
      /** A token that expired in the last half hour counts: for use while none can be had. */
      readonly mayHaveExpired?: boolean;
    },
  ): Promise<Authentication>;
  /** This session is in use now. Returns at once, never throws and costs no I/O. */
  seen(sessionId: string): void;
}

/** Who may be in a group's room of the media server. Both throw `AppError` `dependency_unavailable`. */
export interface RoomAccess {
  /** Those of `members` who are not in the living group, or whose session is not a living one of theirs. Reads now. */
  outsidersOf(groupId: string, members: readonly RoomMember[]): Promise<readonly RoomMember[]>;
  /** The groups of a user, by id. */
  groupsOf(userId: string): Promise<readonly string[]>;
}

interface RoomMember {
  readonly userId: string;
  readonly sessionId: string;
}

/** The limits of one group's floor (protocol.md "settings"); times in milliseconds. */
export interface GroupSettings {
  readonly maxTalkMs: number;
  /** 0 = off. */
  readonly contendedTalkMs: number;
  /** 0 = off. */
  readonly queueLimit: number;
  readonly cooldownMs: number;
  readonly managerPreempts: boolean;
  readonly emergency: 'allowed' | 'off';
}

export interface Membership {
  readonly group: {
    readonly id: string;
    readonly name: string;
    readonly description: string;
    readonly settings: GroupSettings;
  };
  readonly role: GroupRole;
  readonly talk: TalkRight;
}

/** What must be recorded of who did what to the floor. None of these waits or throws. */
export interface FloorAudit {
  /** `userId`: who had the floor, or was being given it. */
  talkRevoked(act: FloorAct & { readonly talkId: string; readonly userId: string }): void;
  /** The live store did not answer: whether a talk ended is unknown. */
  revokeFailed(act: FloorAct): void;
  emergencyGranted(act: FloorAct & { readonly talkId: string }): void;
  /** His role does not allow what the message asks for. */
  refused(act: FloorAct & { readonly message: string }): void;
}

interface FloorAct {
  readonly by: FloorActor;
  readonly groupId: string;
}

export interface FloorActor {
  readonly userId: string;
  /** Of the request that it came from; of a message, the request that opened its socket. */
  readonly requestId: string;
}

/** Who may do what in a group. Throws `AppError` `dependency_unavailable` when that cannot be known. */
export interface GroupAccess {
  membershipsOf(userId: string): Promise<readonly Membership[]>;
  membershipOf(userId: string, groupId: string): Promise<Membership | null>;
  /** Is there such a living group, whoever is in it? */
  exists(groupId: string): Promise<boolean>;
}
