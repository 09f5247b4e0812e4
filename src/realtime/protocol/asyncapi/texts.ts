/** The words of the AsyncAPI document that belong to no single message. */

export const infoText = [
  'Push-to-talk over a WebSocket: who talks, who is there, who is next. People, groups and history are REST,',
  'described at `/openapi.json`.',
  '',
  'Messages of the server may gain fields, and its lists of values and kinds may grow: ignore fields that you do not',
  'know, and treat unknown values as the general case. Messages of a client are strict: an unknown field is an error.',
].join('\n');

export const channelText = [
  'Each text message is one JSON object. A client gives each of its messages an `id` of its own; exactly one answer',
  'carries it as `re`. `HELLO` is the first message, within 5 s, and the server says nothing before it; up to 8 messages',
  '(16 KiB) may be sent without waiting for `READY`. Messages about one group take effect in the order sent.',
  '',
  'Within an `epoch` of a group `seq` grows by one with each event, so that a gap can be seen; a new epoch means that',
  'the state was made anew, and comes with `GROUP_STATE`.',
  '',
  'The token stands on the upgrade or in `HELLO`, never in the URL.',
  '',
  '**Audio packets** are binary messages, both ways, on a connection that joined a group with `audio: true` and was',
  'told `media.kind` `relay`; from any other connection a binary message closes with 1003. Byte 0 is `0x01`; bytes 1 to',
  '4 are the `streamId` of the talk (unsigned, big-endian), as in `TALK_GRANTED`, `TALK_STARTED` and the floor of a',
  'snapshot; bytes 5 to 8 are the packet number (unsigned, big-endian, from 0, one more each packet); the rest, 1 to',
  '1275 bytes, is one Opus packet (RFC 6716, 48 kHz clock, mono, 2.5 to 60 ms). Packets have no answer. Those of',
  'another `streamId` than that of the own open talk are dropped, and so is what exceeds 110 packets or 128 kbit of Opus',
  'in any second. A talker of whom nothing comes for 4 s, or too much for 5 s, loses the floor: `media_failed`. What is no',
  'packet is answered by `ERROR` `invalid_message` without `re`.',
].join('\n');

export const bearerText = 'Native clients send `Authorization: Bearer <accessToken>` on the upgrade.';
export const helloText = 'Browsers cannot set headers: they send the access token as `token` of `HELLO`.';
