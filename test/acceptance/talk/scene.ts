import type { Neda } from '../../_support/neda.ts';
import type { ServerMessage, Tokens } from '../../_support/wire.ts';
import { WsClient } from '../../_support/ws-client.ts';

/** A deployment under test: the people of one process may be on another. */
export interface Deployment {
  readonly here: Neda;
  /** The second process, or the same one again where there is only one. */
  readonly there: Neda;
  /** What joiners are told of their media; `none` when left out. */
  readonly media?: 'livekit';
  close(): Promise<void>;
}

let phones = 0;

/** Logs in anew, so that each client is a session of its own. */
export async function signIn(neda: Neda, username: string): Promise<{ client: WsClient; tokens: Tokens }> {
  phones += 1;
  const tokens = await neda.rest.login(username, 'push-to-talk', { name: `phone ${phones}`, kind: 'phone' });
  return { client: await WsClient.signIn(neda.origin, tokens.accessToken), tokens };
}

/** A group of its own for each test, with alice as manager, bob and carol as members. */
export async function newGroup(neda: Neda, settings: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const admin = await neda.rest.login('admin');
  const users = new Map<string, string>();
  for (const name of ['alice', 'bob', 'carol']) users.set(name, (await neda.rest.login(name)).user.id);
  const managerId = users.get('alice') ?? '';
  const group = await neda.rest.createGroup(admin.accessToken, { name: `Group ${phones}`, managerId, settings });
  for (const name of ['bob', 'carol']) {
    await neda.rest.putMember(admin.accessToken, group.id, users.get(name) ?? '');
  }
  return group.id;
}

/** The people of one deployment under test, and their sockets. */
export class TalkScene {
  readonly here: Neda;
  readonly there: Neda;
  /** The kind of media that joiners are told. */
  readonly kind: string;
  readonly #clients: WsClient[] = [];

  constructor({ here, there, media = 'none' }: Omit<Deployment, 'media'> & { readonly media?: string }) {
    this.here = here;
    this.there = there;
    this.kind = media;
  }

  /** A client that is closed with the scene. */
  keep(client: WsClient): void {
    this.#clients.push(client);
  }

  async person(neda: Neda, username: string): Promise<{ client: WsClient; tokens: Tokens }> {
    const signedIn = await signIn(neda, username);
    this.keep(signedIn.client);
    return signedIn;
  }

  /** Alice on one process and Bob on the other, both in a new group. */
  async pair(settings: Readonly<Record<string, unknown>> = {}) {
    const groupId = await newGroup(this.here, settings);
    const alice = await this.person(this.here, 'alice');
    const bob = await this.person(this.there, 'bob');
    const aliceJoined = await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const bobJoined = await bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    return { groupId, alice, bob, aliceJoined, bobJoined };
  }

  end(): void {
    for (const client of this.#clients) client.terminate();
  }
}

/** What a client was told of the talks of a group. */
export function talkEvents(client: WsClient, groupId: string): ServerMessage[] {
  return client
    .messages()
    .filter((message) => message.groupId === groupId)
    .filter(({ type }) => type === 'TALK_STARTED' || type === 'TALK_GRANTED' || type === 'TALK_ENDED');
}
