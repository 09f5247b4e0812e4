import type { TestRedis } from '../../_support/redis.ts';

/** A hash of counters, by field; empty when there is none. */
export async function countsOf(redis: TestRedis, key: string): Promise<Record<string, number>> {
  const words = bulksOf(await redis.command(`HGETALL ${key}`));
  const counts: Record<string, number> = {};
  for (let index = 0; index + 1 < words.length; index += 2) counts[words[index] ?? ''] = Number(words[index + 1]);
  return counts;
}

/** How many records of the kind that only the next release knows are in a group's history; throws when one is not. */
export async function keptRecords(redis: TestRedis, groupId: string): Promise<number> {
  const words = bulksOf(await redis.command(`XRANGE history:{${groupId}} - +`));
  const kept = words.filter((word, index) => word === 'next' && words[index - 1] === 'kind').length;
  const noted = (await countsOf(redis, `noted:{${groupId}}`))['next'] ?? 0;
  if (kept !== noted) throw new Error(`${noted} records of the next release were noted, ${kept} are still there`);
  return kept;
}

/** The bulk strings of a raw reply, in order. */
function bulksOf(reply: string): string[] {
  return [...reply.matchAll(/^\$\d+\r\n(.*)\r$/gm)].map(([, word]) => word ?? '');
}
