/**
 * All keys of a group, in the order of KEYS in lua/prelude.lua. The braces are literal: they are the Redis Cluster
 * hash tag, so that all keys of a group share a slot.
 */
const KEY_NAMES = [
  'speaker', // user id of who holds or is being given the floor; with a time to live
  'presence', // user ids that are there
  'floor', // epoch, number of the last event, the open talk, the reservation, leases of processes; MessagePack
  'rights', // media identities that may still hold the right to publish
  'members', // sessions present, with connection and process
  'people', // users present, with the number of their connections
  'dirty', // changes of presence not announced yet
  'queue', // waiting requests
  'log', // the last numbered payloads
  'history', // finished talks that PostgreSQL has not stored yet
  'cooldown', // users who must wait before the next request
  'seen', // user ids that were there since the group became live
] as const;

export function groupKeys(keyPrefix: string, groupId: string): string[] {
  return KEY_NAMES.map((name) => `${keyPrefix}${name}:{${groupId}}`);
}

/** Any key of a group: says in which slot they all lie. */
export function placeOfGroup(keyPrefix: string, groupId: string): string {
  return `${keyPrefix}floor:{${groupId}}`;
}

/** Carries what scripts publish about a group; a sharded channel, in the slot of the group's keys. */
export function groupChannel(keyPrefix: string, groupId: string): string {
  return `${keyPrefix}group:{${groupId}}`;
}

/** Carries the audio packets of a group to other processes; in the slot of the group's keys. */
export function audioChannel(keyPrefix: string, groupId: string): string {
  return `${keyPrefix}audio:{${groupId}}`;
}

/** Carries what concerns the sockets of one user. */
export function userChannel(keyPrefix: string, userId: string): string {
  return `${keyPrefix}user:{${userId}}`;
}

/** Carries what all processes of the deployment tell one another. */
export function processesChannel(keyPrefix: string): string {
  return `${keyPrefix}processes`;
}

/** The stream of a group's finished talks that PostgreSQL has not stored yet. */
export function historyKey(keyPrefix: string, groupId: string): string {
  return `${keyPrefix}history:{${groupId}}`;
}

/** Matches the `floor` key of every live group of this deployment. */
export function liveGroupPattern(keyPrefix: string): string {
  return `${literal(keyPrefix)}floor:{*}`;
}

/** Matches the `history` key of every group that has one in this deployment. */
export function historyPattern(keyPrefix: string): string {
  return `${literal(keyPrefix)}history:{*}`;
}

/** A text that stands for itself in a pattern. */
function literal(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

/** The group id in a key or channel name; empty when there is none. */
export function groupIdOf(key: string): string {
  return /\{(.*)\}/.exec(key)?.[1] ?? '';
}
