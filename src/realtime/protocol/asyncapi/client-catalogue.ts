import type { ClientMessageOf, ClientMessageType } from '../client-messages.ts';
import type { ServerMessageType } from '../server-messages.ts';
import { ids, numbered } from './example-ids.ts';

interface ClientEntry<Type extends ClientMessageType> {
  readonly title: string;
  readonly summary: string;
  /** What answers it, besides `ERROR`. */
  readonly answers: readonly ServerMessageType[];
  readonly example: ClientMessageOf<Type>;
}

const { groupId, talkId } = ids;
const { epoch, seq } = numbered(13);

/** What each message of a client is for, how it is answered, and one example. */
export const clientCatalogue: { readonly [Type in ClientMessageType]: ClientEntry<Type> } = {
  HELLO: {
    title: 'Hello',
    summary: 'Always first, within 5 s: who is it. The token stands here where it was not on the upgrade.',
    answers: ['READY'],
    example: { type: 'HELLO', id: '1', idlePingMs: 120_000 },
  },
  AUTHENTICATE: {
    title: 'Fresh token',
    summary: 'A fresh token of the same session, before the old one expires.',
    answers: ['AUTHENTICATED'],
    example: { type: 'AUTHENTICATE', id: '2', token: 'eyJhbGciOiJIUzI1NiJ9.e30.signature' },
  },
  JOIN_GROUP: {
    title: 'Join a group',
    summary: 'Be present in a group: get its events, and be able to talk. Allowed at any time, again too.',
    answers: ['GROUP_JOINED'],
    example: { type: 'JOIN_GROUP', id: '3', groupId, since: { epoch, seq } },
  },
  LEAVE_GROUP: {
    title: 'Leave a group',
    summary: 'Be present no more. A talk of this connection ends at once.',
    answers: ['GROUP_LEFT'],
    example: { type: 'LEAVE_GROUP', id: '4', groupId },
  },
  REQUEST_TALK: {
    title: 'Ask for the floor',
    summary: 'The button goes down.',
    answers: ['TALK_GRANTED', 'TALK_QUEUED', 'TALK_DENIED'],
    example: { type: 'REQUEST_TALK', id: '5', groupId, queue: true },
  },
  RELEASE_TALK: {
    title: 'Let go of the floor',
    summary: 'The button goes up. Without a talkId a place in the queue is given up too.',
    answers: ['TALK_RELEASED'],
    example: { type: 'RELEASE_TALK', id: '6', groupId, talkId },
  },
  REVOKE_TALK: {
    title: 'Revoke a talk',
    summary: "The group's manager, or an admin without joining, ends the talk of whoever has the floor.",
    answers: ['TALK_REVOKE_DONE'],
    example: { type: 'REVOKE_TALK', id: '7', groupId, talkId },
  },
  PING: {
    title: 'Ping',
    summary: 'Is the server there? Never held up by other messages.',
    answers: ['PONG'],
    example: { type: 'PING', id: '8' },
  },
};
