import { until } from '../../_support/until.ts';
import type { RunGroup } from './run.ts';
import type { World } from './world.ts';

const LIMIT_MS = 10_000;
const GROUP_KEY = /^(?:speaker|presence|floor|rights|members|people|dirty|queue|log|history|cooldown|seen):\{.*\}$/gm;
const GROUP_CHANNEL = /^group:\{.*\}$/gm;

/** What is still there of a run after everybody has gone: sockets, the floor, presence. */
export async function findLeaks(world: World, groups: readonly RunGroup[]): Promise<string[]> {
  let leaks: string[] = [];
  const isClean = async (): Promise<boolean> => {
    leaks = [...(await openSockets(world)), ...(await liveKeys(world, groups))];
    return leaks.length === 0;
  };
  try {
    await until(isClean, { limitMs: LIMIT_MS, everyMs: 200, describe: () => 'nothing is left' });
    return [];
  } catch {
    return leaks.length === 0 ? ['it could not be found out what is left'] : leaks;
  }
}

/** What is left when the groups have been empty for as long as their state lingers. */
export async function findKeys(world: World, limitMs: number): Promise<string[]> {
  let keys: string[] = [];
  const isClean = async (): Promise<boolean> => {
    const reply = await world.redis.command('KEYS *{*}');
    const channels = await world.redis.command('PUBSUB SHARDCHANNELS *');
    keys = [...reply.matchAll(GROUP_KEY), ...channels.matchAll(GROUP_CHANNEL)].map(([name]) => name);
    return keys.length === 0;
  };
  try {
    await until(isClean, { limitMs, everyMs: 1_000, describe: () => 'all keys are gone' });
  } catch {
    // what is left is returned
  }
  return keys;
}

async function openSockets(world: World): Promise<string[]> {
  const leaks: string[] = [];
  for (const slot of world.slots.filter(({ isUp }) => isUp)) {
    const { text } = await slot.neda.rest.request('GET', '/metrics');
    const open = [...text.matchAll(/^neda_sockets\{.*\} (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
    if (open > 0) leaks.push(`process ${slot.index} has ${open} sockets`);
  }
  return leaks;
}

async function liveKeys(world: World, groups: readonly RunGroup[]): Promise<string[]> {
  const leaks: string[] = [];
  for (const { groupId } of groups) {
    for (const key of [`speaker:{${groupId}}`, `presence:{${groupId}}`]) {
      if ((await world.redis.command(`EXISTS ${key}`)).trim() !== ':0') leaks.push(`${key} is still there`);
    }
  }
  return leaks;
}
