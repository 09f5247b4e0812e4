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
  const person = draft.people.get(userId);
  if (person) {
    draft.people.set(userId, { ...person, connections: person.connections + 1 });
    renamePerson(draft, userId, fragment);
    return;
  }
  draft.people.set(userId, { connections: 1, fragment });
  if (!draft.seen.has(userId)) draft.seen = new Set(draft.seen).add(userId);
  markDirty(draft, userId, 'in');
}

/** A user who is there already: under a new name or role he is announced again. */
export function renamePerson(draft: Draft, userId: string, fragment: string): void {
  const person = draft.people.get(userId);
  if (!person || person.fragment === fragment) return;
  draft.people.set(userId, { ...person, fragment });
  markDirty(draft, userId, 'in');
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
