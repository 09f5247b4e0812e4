import { z } from 'zod';
import { type Packet, packetBytes } from '../_support/audio.ts';
import type { Neda } from '../_support/neda.ts';
import { until } from '../_support/until.ts';
import type { ServerMessage, Tokens } from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';
import { Names } from './protocol-page-names.ts';
import { printMessage } from './protocol-page-print.ts';

type Fields = Readonly<Record<string, unknown>>;

const people = ['alice', 'bob', 'carol'] as const;
type Username = (typeof people)[number];

/** A running server with its people: an admin's token, and who has which id. */
export interface Cast {
  readonly neda: Neda;
  readonly admin: string;
  readonly ids: ReadonlyMap<Username, string>;
}

export async function castOf(neda: Neda): Promise<Cast> {
  const ids = new Map<Username, string>();
  for (const name of people) ids.set(name, (await neda.rest.login(name)).user.id);
  return { neda, admin: (await neda.rest.login('admin')).accessToken, ids };
}

/** One exchange of the page: people with their sockets, and a record of what the scene shows of them. */
export class Play {
  readonly neda: Neda;
  /** An access token. */
  readonly admin: string;
  readonly names = new Names();
  readonly clients: WsClient[] = [];
  readonly sentTypes = new Set<string>();
  readonly #ids: Cast['ids'];
  readonly #lines: { readonly heading: string; readonly what: unknown }[] = [];

  constructor({ neda, admin, ids }: Cast) {
    this.neda = neda;
    this.admin = admin;
    this.#ids = ids;
    for (const [name, id] of ids) this.names.learn(id, titleOf(name));
  }

  /** A group named Team: Alice is its manager, Bob and Carol are in it. */
  async team(settings: Fields = {}): Promise<string> {
    const { rest } = this.neda;
    const idOf = (name: Username): string => this.#ids.get(name) ?? '';
    const group = await rest.createGroup(this.admin, { name: 'Team', managerId: idOf('alice'), settings });
    for (const name of ['bob', 'carol'] as const) await rest.putMember(this.admin, group.id, idOf(name));
    this.names.learn(group.id, 'Team');
    return group.id;
  }

  /** Logs in with a device; no socket yet. */
  async person(username: Username): Promise<Person> {
    const tokens = await this.neda.rest.login(username, 'push-to-talk', { name: 'Wrist', kind: 'watch' });
    const name = titleOf(username);
    this.names.learn(tokens.session.id, `${name}'s session`);
    return new Person(this, name, tokens);
  }

  /** Somebody who is there; when several, each is announced before the next comes. */
  async present(username: Username, groupId: string): Promise<Person> {
    const person = await this.person(username);
    await person.connect();
    await person.client.hello();
    await person.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await person.client.waitFor(
      (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message.joined).includes(person.userId),
    );
    return person;
  }

  /** A request over HTTP, shown with its answer. */
  async gets(path: string): Promise<void> {
    const { status, body } = await this.neda.rest.request('GET', path);
    for (const line of [`GET ${path}`, ...printMessage(`${status} `, this.names.plain(body))]) this.show('', line);
  }

  show(heading: string, what: unknown): void {
    this.#lines.push({ heading, what });
  }

  /** The exchange as the page has it. */
  print(): string {
    const width = Math.max(...this.#lines.map(({ heading }) => heading.lastIndexOf(' ')));
    const shown = this.#lines.flatMap(({ heading, what }) => {
      const [name = '', way = ''] = heading.split(/ (?=[<>]$)/);
      if (way === '') return [`${heading}${String(what)}`];
      const padded = `${name.padEnd(width)} ${way} `;
      return typeof what === 'string' ? [padded + what] : printMessage(padded, this.names.plain(what));
    });
    return shown.join('\n');
  }

  end(): void {
    for (const client of this.clients) client.terminate();
  }
}

/** Somebody with a device; what he sends and hears through these functions is shown. */
export class Person {
  readonly #play: Play;
  readonly #name: string;
  readonly tokens: Tokens;
  #client: WsClient | null = null;
  /** What was shown last of what came. */
  #heard = -1;
  readonly #messageIds = new Map<string, string>();

  constructor(play: Play, name: string, tokens: Tokens) {
    this.#play = play;
    this.#name = name;
    this.tokens = tokens;
  }

  get userId(): string {
    return this.tokens.user.id;
  }

  get client(): WsClient {
    if (this.#client === null) throw new Error(`${this.#name} has no socket`);
    return this.#client;
  }

  /** A new socket, also after an old one. */
  async connect(): Promise<void> {
    this.#client = await WsClient.connect(this.#play.neda.origin, { token: this.tokens.accessToken });
    this.#play.clients.push(this.#client);
    this.#heard = -1;
    this.#messageIds.clear();
  }

  /** Sends and shows; the answer is for `answers`. */
  sends(type: string, fields: Fields = {}): string {
    const id = this.client.send(type, fields);
    const shown = String(this.#messageIds.size + 1);
    this.#messageIds.set(id, shown);
    this.#play.sentTypes.add(type);
    this.#play.show(`${this.#name} >`, { type, id: shown, ...fields });
    return id;
  }

  /** Sends what is no message. */
  sendsRaw(text: string): void {
    this.client.sendRaw(text);
    this.#play.show(`${this.#name} >`, text);
  }

  /** Sends an audio packet, and shows its bytes. */
  sendsPacket(packet: Packet, opus: string): void {
    this.client.sendRaw(packetBytes(packet));
    this.#showPacket('>', packetBytes(packet), opus);
  }

  /** Shows the bytes of the first audio packet that came. */
  async hearsPacket(opus: string): Promise<void> {
    const { client } = this;
    const { data } = await until(() => client.binary[0], { limitMs: 15_000, describe: () => client.describe() });
    this.#showPacket('<', data, opus);
  }

  #showPacket(way: '<' | '>', bytes: Buffer, opus: string): void {
    const streamId = z.int().parse(this.#play.names.plain(bytes.readUInt32BE(1), 'streamId'));
    const stream = Buffer.alloc(4);
    stream.writeUInt32BE(streamId);
    const number = bytes.subarray(5, 9);
    for (const [part, meaning] of [
      [bytes.subarray(0, 1), 'an audio packet'],
      [stream, `streamId ${streamId}`],
      [number, `packet number ${number.readUInt32BE(0)}`],
      [bytes.subarray(9), `Opus: ${opus}`],
    ] as const) {
      const hex = part.toString('hex').replaceAll(/(..)(?!$)/g, '$1 ');
      this.#play.show(`${this.#name} ${way}`, `${hex.padEnd(14)}${meaning}`);
    }
  }

  /** Shows the answer to what was sent. */
  async answered(id: string): Promise<ServerMessage> {
    return this.#show(await this.client.answerTo(id));
  }

  /** Sends, and shows the answer. */
  async asks(type: string, fields: Fields = {}): Promise<ServerMessage> {
    return this.answered(this.sends(type, fields));
  }

  /** Shows the next message of this type that answers nothing. */
  async hears(type: string): Promise<ServerMessage> {
    const fits = (message: ServerMessage): boolean => message.type === type && message.re === undefined;
    return this.#show(await this.client.waitFor(fits, { after: this.#heard + 1, what: `a ${type}`, limitMs: 15_000 }));
  }

  /** From here on only what is new is heard. */
  skips(): void {
    this.#heard = this.client.mark() - 1;
  }

  async seesTheEnd(): Promise<void> {
    const { code, reason } = await this.client.closed();
    this.#play.show(`${this.#name} <`, `closed ${code} ${reason}`);
  }

  #show(message: ServerMessage): ServerMessage {
    const index = this.client.received.findIndex((received) => received.message === message);
    if (index <= this.#heard) throw new Error(`the page shows ${message.type} after what came later`);
    this.#heard = index;
    const wire = z.record(z.string(), z.unknown()).parse(JSON.parse(this.client.received[index]?.text ?? '{}'));
    const re = this.#messageIds.get(String(message.re));
    this.#play.show(`${this.#name} <`, re === undefined ? wire : { ...wire, re });
    return message;
  }
}

function titleOf(username: string): string {
  return username.charAt(0).toUpperCase() + username.slice(1);
}
