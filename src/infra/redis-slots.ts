/** Where keys lie in Redis Cluster. Source: the Redis Cluster specification, "Key distribution model" and "Hash tags". */

export const SLOT_COUNT = 16_384;

/** CRC16-CCITT (XMODEM) by bytes. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/** The slot of a key or sharded channel: that of its hash tag, when it has one. */
export function slotOfKey(key: string): number {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  const hashed = open >= 0 && close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOT_COUNT;
}

/** The first of the tags 0, 1, 2, … whose slot is one of these: names a key that lies on a certain primary. */
export function tagWithin(isOwned: (slot: number) => boolean): string {
  for (let tag = 0; tag < SLOT_COUNT * 16; tag++) if (isOwned(slotOfKey(`${tag}`))) return `${tag}`;
  throw new Error('No tag lies in these slots');
}
