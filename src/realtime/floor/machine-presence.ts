import type { Draft } from './machine-draft.ts';
import type { PresentMember } from './machine-state.ts';

/**
 * floor.md "Presence": a set of users. A join or leave marks it dirty; a flush numbers ONE event for all changes
 * since the last, and the last state of a user wins.
 */
export function flushPresence(draft: Draft): void {
  if (draft.life === null || draft.life.dirtyAtMs === null) return;
  const joined: string[] = [];
  const left: string[] = [];
  const changes = draft.dirty.entries();
  for (const [userId, how] of changes) {
    const person = how === 'in' ? draft.people.get(userId) : undefined;
    if (person) joined.push(person.fragment);
    else left.push(`{"userId":"${userId}"}`);
  }
  draft.dirty.clear();
  draft.setLife({ dirtyAtMs: null });
  if (changes.length === 0) return;
  draft.number(
    'presence',
    'PRESENCE_CHANGED',
    `"joined":[${joined.join(',')}],"left":[${left.join(',')}],"presenceCount":${draft.people.size}`,
  );
}

function markDirty(draft: Draft, userId: string, how: 'in' | 'out'): void {
  draft.dirty.set(userId, how);
  if (draft.life?.dirtyAtMs === null) draft.setLife({ dirtyAtMs: draft.nowMs });
}

/** One connection more of a user. */
export function addPerson(draft: Draft, userId: string, fragment: string): void {
  const connections = draft.people.get(userId)?.connections ?? 0;
  draft.people.set(userId, { connections: connections + 1, fragment });
  if (connections > 0) return;
  if (!draft.seen.has(userId)) draft.seen = new Set(draft.seen).add(userId);
  markDirty(draft, userId, 'in');
}

/** A user who is there already, perhaps under a new name or role. */
export function renamePerson(draft: Draft, userId: string, fragment: string): void {
  const person = draft.people.get(userId);
  if (person && person.fragment !== fragment) draft.people.set(userId, { ...person, fragment });
}

/** One connection less; the user leaves with his last. */
export function dropMember(draft: Draft, sessionId: string, member: PresentMember): void {
  draft.members.delete(sessionId);
  const person = draft.people.get(member.userId);
  if (person && person.connections > 1) {
    draft.people.set(member.userId, { ...person, connections: person.connections - 1 });
  } else {
    draft.people.delete(member.userId);
    markDirty(draft, member.userId, 'out');
  }
  if (draft.members.size === 0) draft.setLife({ emptyAtMs: draft.nowMs });
}
