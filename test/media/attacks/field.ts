import { dispose } from '@livekit/rtc-node';
import { startLivekit, type TestLivekit } from '../../_support/livekit.ts';
import { type Neda, type NedaOptions, startNeda } from '../../_support/neda.ts';
import { createDatabase } from '../../_support/postgres.ts';
import { startRedis } from '../../_support/redis.ts';
import { Attacker } from './attacker.ts';
import { Ear } from './ear.ts';
import { type Link, startLink } from './link.ts';
import { Member } from './member.ts';
import { startWebhookRelay, type WebhookRelay } from './webhook-relay.ts';

const SECRET_KEY = 'a secret that both of the processes share';

/** Two processes on one Redis and one LiveKit, whose webhooks may be lost, and the people and attackers of a test. */
export class Field {
  readonly livekit: TestLivekit;
  /** Where those who talk are. */
  here: Neda;
  /** Where the listeners are, and where webhooks arrive. */
  there: Neda;
  readonly #servers: readonly AsyncDisposable[];
  readonly #options: NedaOptions;
  readonly #webhooks: WebhookRelay;
  readonly #leaving: (() => Promise<unknown>)[] = [];
  #groups = 0;

  private constructor(parts: {
    readonly livekit: TestLivekit;
    /** Everything that the backends stand on. */
    readonly servers: readonly AsyncDisposable[];
    readonly options: NedaOptions;
    readonly webhooks: WebhookRelay;
    readonly here: Neda;
    readonly there: Neda;
  }) {
    this.livekit = parts.livekit;
    this.#servers = parts.servers;
    this.#options = parts.options;
    this.#webhooks = parts.webhooks;
    this.here = parts.here;
    this.there = parts.there;
  }

  static async start(): Promise<Field> {
    const webhooks = await startWebhookRelay();
    const [livekit, database, redis] = await Promise.all([
      startLivekit({ webhookUrl: webhooks.url }),
      createDatabase(),
      startRedis(),
    ]);
    const options = { databaseUrl: database.url, redisUrl: redis.url, livekit: livekit.env, env: { SECRET_KEY } };
    const [here, there] = [await startNeda(options), await startNeda(options)];
    return new Field({ livekit, servers: [webhooks, livekit, redis, database], webhooks, options, here, there });
  }

  async close(): Promise<void> {
    await Promise.all(this.#leaving.splice(0).map((leave) => leave()));
    await Promise.all([this.here, this.there].map((neda) => neda[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
    await dispose();
  }

  /** Everybody leaves, and what was killed runs again. */
  async clear(): Promise<void> {
    await Promise.all(this.#leaving.splice(0).map((leave) => leave()));
    await this.startBackends();
  }

  /** Starts again, on their old addresses, the backends that were killed. */
  async startBackends(): Promise<void> {
    [this.here, this.there] = await Promise.all([this.#started(this.here), this.#started(this.there)]);
  }

  /** Whether LiveKit's webhooks reach a backend from now on. */
  setWebhooks(arrive: boolean): void {
    this.#webhooks.deliverTo(arrive ? this.there.origin : null);
  }

  /** A group of its own for a test; Alice is its manager, Bob and Carol are members. */
  async group(settings: Readonly<Record<string, unknown>> = {}): Promise<Group> {
    const { rest } = this.there;
    const [admin, alice, bob, carol] = await Promise.all(
      ['admin', 'alice', 'bob', 'carol'].map((name) => rest.login(name)),
    );
    if (admin === undefined || alice === undefined || bob === undefined || carol === undefined)
      throw new Error('nobody');
    this.#groups += 1;
    const fields = { name: `Attacked ${this.#groups}`, managerId: alice.user.id, settings };
    const { id } = await rest.createGroup(admin.accessToken, fields);
    for (const { user } of [bob, carol]) await rest.putMember(admin.accessToken, id, user.id);
    return {
      id,
      member: async (username, neda = this.there) => {
        const member = await Member.signIn(neda, username, id);
        this.#leaving.push(async () => member.socket.terminate());
        return member;
      },
      remove: async (member) => {
        const path = `/api/v1/admin/groups/${id}/members/${member.tokens.user.id}`;
        await rest.expect(204, 'DELETE', path, { token: admin.accessToken });
      },
    };
  }

  async attacker(media: { readonly url: string; readonly token: string }): Promise<Attacker> {
    const attacker = await Attacker.join(media);
    this.#leaving.push(() => attacker.leave());
    return attacker;
  }

  async ear(media: { readonly url: string; readonly token: string }): Promise<Ear> {
    const ear = await Ear.join(media);
    this.#leaving.push(() => ear.leave());
    return ear;
  }

  /** A way to LiveKit that can be cut. */
  async link(): Promise<Link> {
    const link = await startLink(this.livekit.publicUrl);
    this.#leaving.push(() => link[Symbol.asyncDispose]());
    return link;
  }

  async #started(neda: Neda): Promise<Neda> {
    if (neda.process.running) return neda;
    await neda[Symbol.asyncDispose]();
    return startNeda({ ...this.#options, port: neda.port });
  }
}

export interface Group {
  readonly id: string;
  /** A new session of a member, present in the group; on the process of the listeners unless another is named. */
  member(username: 'alice' | 'bob' | 'carol', neda?: Neda): Promise<Member>;
  /** Takes the member out of the group, as an admin does. */
  remove(member: Member): Promise<void>;
}
