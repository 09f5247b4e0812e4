import type { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { Rest, RestAnswer, RestRequest } from '../_support/rest.ts';
import type { Tokens } from '../_support/wire.ts';
import type { Secrets } from './secrets-search.ts';

const LIMIT_MS = 5_000;
/** What passwords of people hold, and forms of writing change. */
const special = '/+ ä%&"';
const device = { name: 'watch 7', kind: 'watch' };
const login = '/api/v1/auth/login';
const json = { 'content-type': 'application/json' };

/** Where secrets come in: each door is tried with new ones, and what is refused is kept. */
export class Doors {
  /** The answers of refused requests: status, headers and body; and errors told by a socket. */
  readonly refusals: string[] = [];
  readonly #rest: Rest;
  readonly #secrets: Secrets;
  #names = 0;

  constructor(rest: Rest, secrets: Secrets) {
    this.#rest = rest;
    this.#secrets = secrets;
  }

  async send(method: string, path: string, options: RestRequest = {}): Promise<RestAnswer> {
    const answer = await this.#rest.request(method, path, options);
    if (answer.status >= 400) {
      this.refusals.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${answer.text}`);
    }
    return answer;
  }

  /** Signs in and remembers the tokens as secrets. */
  async signIn(username: string, password: string): Promise<Tokens> {
    return this.#keep(await this.#rest.login(username, password, device));
  }

  #keep(tokens: Tokens): Tokens {
    this.#secrets.add('an access token', tokens.accessToken);
    this.#secrets.add('a refresh token', tokens.refreshToken);
    return tokens;
  }

  #secret(label: string, extra = ''): string {
    return this.#secrets.make(label, extra);
  }

  /** Wrong, misplaced and malformed passwords. */
  async passwords(admin: Tokens): Promise<void> {
    const password = (where: string): string => this.#secret(`a password ${where}`, special);
    const bodies: readonly unknown[] = [
      { username: 'nobody.there', password: password('of an unknown name'), device },
      { username: 'root', password: password('that is wrong'), device },
      { username: this.#secret('a password typed as a name'), password: password('beside it'), device },
      { username: { typed: password('in an object') }, password: [password('in a list')], device },
      { username: 'root', password: password('beside a bad device'), device: { name: 'x', kind: password('as kind') } },
      { username: 'root', password: password('beside an unknown key'), device, pin: password('in an unknown key') },
      [password('in a bare list')],
      password('as the whole body'),
    ];
    for (const body of bodies) await this.send('POST', login, { body });
    const raw: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      [`{"username":"root","password":"${this.#secret('a password in broken JSON')}`, json],
      [`{"password":"${this.#secret('one of two passwords')}","password":"${this.#secret('the other one')}"}`, json],
      [JSON.stringify({ password: this.#secret('a password in a huge body'), pad: 'x'.repeat(20_000) }), json],
      [`password=${this.#secret('a password of a form')}`, { 'content-type': 'application/x-www-form-urlencoded' }],
      [this.#secret('a password without a type'), { 'content-type': 'text/plain' }],
      ['{}', { 'content-type': `application/json; key=${this.#secret('a secret in the content type')}` }],
    ];
    for (const [rawBody, headers] of raw) await this.send('POST', login, { rawBody, headers });

    const token = admin.accessToken;
    const username = this.#newName();
    const made = password('of a new user');
    await this.send('POST', '/api/v1/admin/users', { token, body: { username, displayName: 'A', password: made } });
    const users: readonly unknown[] = [
      { username, displayName: 'B', password: password('of a name that is taken') },
      { username: this.#newName(), displayName: 'C', password: password('that is too long').repeat(10) },
      { username: this.#newName(), displayName: 'D', password: [password('of a new user in a list')] },
      {
        username: this.#newName(),
        displayName: 'E',
        password: password('beside a bad role'),
        role: password('as role'),
      },
    ];
    for (const body of users) await this.send('POST', '/api/v1/admin/users', { token, body });

    const { accessToken: own, user } = await this.signIn(username, made);
    const next = password('that follows');
    const changes: readonly unknown[] = [
      { currentPassword: password('that is not the current one'), newPassword: password('that never was') },
      { currentPassword: made, newPassword: { typed: password('in an object of a change') } },
      { currentPassword: made, newPassword: next },
      { currentPassword: made, newPassword: password('of a second change') },
    ];
    for (const body of changes) await this.send('POST', '/api/v1/auth/password', { token: own, body });
    const patches: readonly unknown[] = [
      { password: password('set by an admin') },
      { password: [password('set as a list')] },
      { passwordHash: password('given as a hash') },
    ];
    for (const body of patches) await this.send('PATCH', `/api/v1/admin/users/${user.id}`, { token, body });
  }

  /** Good, old, forged and misplaced tokens in bodies and headers. */
  async tokens(admin: Tokens, person: { readonly username: string; readonly password: string }): Promise<void> {
    const first = await this.signIn(person.username, person.password);
    const second = this.#keep(await this.#rest.refresh(first.refreshToken));
    const third = this.#keep(await this.#rest.refresh(second.refreshToken));
    const refreshTokens: readonly unknown[] = [
      this.#secret('an invented refresh token'),
      `nrt_${this.#secret('an invented refresh token with the prefix')}`,
      admin.accessToken,
      [third.refreshToken],
      first.refreshToken,
      third.refreshToken,
    ];
    for (const refreshToken of refreshTokens)
      await this.send('POST', '/api/v1/auth/refresh', { body: { refreshToken } });
    const basic = Buffer.from(`root:${this.#secret('a password in Basic')}`).toString('base64');
    const forged = `${admin.accessToken.slice(0, -20)}${this.#secret('a forged signature')}`;
    const headers: readonly Readonly<Record<string, string>>[] = [
      { authorization: `Bearer ${this.#secret('an invented access token')}` },
      { authorization: `Bearer ${forged}` },
      { authorization: `Bearer ${first.accessToken}` },
      { authorization: `Bearer ${admin.refreshToken}` },
      { authorization: `Basic ${basic}` },
      { authorization: this.#secret('a token without a scheme') },
      { authorization: `Token ${this.#secret('a token of another scheme')}` },
      { 'x-api-key': this.#secret('an API key') },
      { cookie: `session=${this.#secret('a cookie')}` },
      { 'x-request-id': admin.accessToken },
      { 'x-request-id': `${this.#secret('a secret as request id')}/=` },
      { origin: `https://${this.#secret('a secret as origin').toLowerCase()}.test` },
      { referer: `https://a.test/?token=${this.#secret('a token in the referrer')}` },
      { 'user-agent': this.#secret('a secret as user agent') },
      { 'x-forwarded-for': this.#secret('a secret as address') },
      { accept: this.#secret('a secret as accepted type') },
    ];
    for (const each of headers) {
      await this.send('GET', '/api/v1/auth/me', { headers: each });
      await this.send('GET', '/metrics', { headers: each });
      await this.send('GET', '/api/v1/nope', { headers: each });
    }
  }

  /** In queries and paths, as which nothing secret should ever come. */
  async addresses(token: string): Promise<void> {
    const names = ['token', 'access_token', 'ticket', 'cursor', 'limit', 'search', 'from', 'apikey', 'password'];
    for (const path of [
      '/api/v1/admin/users',
      '/api/v1/admin/talks',
      '/livez',
      '/docs',
      '/ws',
      '/api/v1/nope',
      login,
    ]) {
      for (const name of names) {
        const value = encodeURIComponent(this.#secret(`${name} in a query`, '+/'));
        await this.send('GET', `${path}?${name}=${value}`, { token });
      }
    }
    const paths = ['/', '/api/v1/', '/api/v1/groups/', '/api/v1/admin/users/', '/docs/', '/api/v1/groups/%zz'];
    for (const path of paths) await this.send('GET', `${path}${this.#secret('a secret in a path')}`, { token });
    await this.send('DELETE', `/api/v1/auth/sessions/${this.#secret('a secret as session id')}`, { token });
    await this.send('GET', `/api/v1/groups?limit=%zz${this.#secret('a secret in a bad query')}`, { token });
  }

  /** What a reverse proxy tells the gate: addresses with tokens of the media server, good and bad. */
  async gate(token: string, groupId: string): Promise<void> {
    const path = '/api/v1/media/gate';
    const { body } = await this.send('POST', `/api/v1/groups/${groupId}/media-token`, { token });
    const media = typeof body === 'object' && body !== null && 'token' in body ? String(body.token) : '';
    this.#secrets.add('a media token', media);
    const forged = `${media.slice(0, -20)}${this.#secret('a forged signature of a media token')}`;
    const invented = this.#secret('an invented media token');
    const headers: readonly Readonly<Record<string, string>>[] = [
      { 'x-forwarded-uri': `/rtc?access_token=${media}` },
      { 'x-forwarded-uri': `/rtc?access_token=${forged}` },
      { 'x-forwarded-uri': `/rtc?access_token=${media}&publish=${this.#secret('a second identity')}` },
      { 'x-forwarded-uri': `/rtc?access_token=${invented}`, authorization: `Bearer ${media}` },
      { 'x-forwarded-uri': `/${invented}?token=${invented}#${invented}` },
      { 'x-forwarded-uri': invented, 'x-forwarded-method': invented },
      { 'x-forwarded-uri': '/rtc', authorization: `Bearer ${forged}` },
      { 'x-forwarded-uri': '/rtc', authorization: invented },
    ];
    for (const each of headers) await this.send('GET', path, { headers: each });
    await this.send('GET', `${path}?access_token=${media}`);
    await this.send('POST', path, { headers: { 'x-forwarded-uri': `/rtc?access_token=${invented}` } });
  }

  /** Good, used and wrong codes; and what is none. */
  async pairingCodes(admin: Tokens, userId: string): Promise<void> {
    const path = `/api/v1/admin/users/${userId}/pairing-codes`;
    const { body } = await this.send('POST', path, { token: admin.accessToken });
    const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : '';
    this.#secrets.add('a pairing code', code);
    this.#secrets.add('a pairing code without its dash', code.replace('-', ''));
    const wrong = this.#secrets.add('a wrong pairing code', 'ZXWV-TSRQ');
    const codes: readonly unknown[] = [
      code,
      code,
      wrong,
      this.#secret('no pairing code'),
      [this.#secret('a code in a list')],
    ];
    for (const each of codes) await this.send('POST', '/api/v1/auth/pair', { body: { code: each, device } });
  }

  /** Bytes that are no HTTP. */
  async wire(): Promise<void> {
    const lines = [
      `GET /livez?token=${this.#secret('a token on a bad line')} HTTP/9.9`,
      `${this.#secret('a secret as a method')} / HTTP/1.1`,
      `GET / HTTP/1.1\r\nbad header ${this.#secret('a secret in a bad header')}`,
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${this.#secret('a secret in a long header')}${'x'.repeat(20_000)}`,
      `GET / HTTP/1.1\r\nauthorization: Bearer ${this.#secret('a token without a host')}`,
    ];
    const { hostname, port } = new URL(this.#rest.origin);
    for (const line of lines) {
      const socket = connect({ host: hostname, port: Number(port) });
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => undefined);
      socket.setTimeout(LIMIT_MS, () => socket.destroy());
      socket.end(`${line}\r\n\r\n`);
      await closeOf(socket);
      this.refusals.push(Buffer.concat(chunks).toString('utf8'));
    }
  }

  /** Upgrades, and messages before and after signing in. */
  async sockets(person: Tokens): Promise<void> {
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    await this.#socket(`?token=${this.#secret('a token of a socket address')}`, {}, []);
    await this.#socket(`?ticket=${this.#secret('a ticket of a socket address')}`, {}, []);
    await this.#socket('', bearer(this.#secret('an invented token on the upgrade')), []);
    await this.#socket('', bearer(person.refreshToken), []);
    await this.#socket('', { headers: { cookie: `token=${this.#secret('a cookie on the upgrade')}` } }, []);
    await this.#socket('', { origin: `https://${this.#secret('an origin').toLowerCase()}.test` }, []);
    await this.#socket('', { protocols: ['neda.v1', this.#secret('a token as a subprotocol')] }, ['{"type":"PING"}']);
    await this.#socket('', { protocols: [this.#secret('a token as the only subprotocol')] }, []);
    const hello = (token: unknown): string => JSON.stringify({ type: 'HELLO', id: 'h', token });
    const before = [
      hello(this.#secret('an invented token in HELLO')),
      hello(person.refreshToken),
      hello([this.#secret('a token in a list')]),
      hello(this.#secret('a huge token').repeat(300)),
      JSON.stringify({ type: 'HELLO', id: 'h', idlePingMs: this.#secret('a secret as a number') }),
      `{"type":"HELLO","token":"${this.#secret('a token in broken JSON')}`,
      this.#secret('a token as a message'),
    ];
    for (const message of before) await this.#socket('', {}, [message]);
    const after = [
      { type: 'AUTHENTICATE', id: 'a', token: this.#secret('an invented token in AUTHENTICATE') },
      { type: 'AUTHENTICATE', id: 'a', token: person.refreshToken },
      { type: 'AUTHENTICATE', id: 'a', token: { typed: this.#secret('a token in an object') } },
      { type: 'JOIN_GROUP', id: 'j', groupId: this.#secret('a secret as a group') },
      { type: this.#secret('a secret as a type'), id: 't' },
      { type: 'PING', id: 'p', token: this.#secret('a token in an unknown key') },
    ];
    for (const message of after) await this.#socket('', {}, [hello(person.accessToken), JSON.stringify(message)]);
    await this.#socket('', {}, [hello(person.accessToken), this.#secret('a password as a message')]);
    await this.#socket('', {}, [hello(person.accessToken), Buffer.from(this.#secret('a password in bytes'))]);
  }

  async #socket(
    query: string,
    how: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly origin?: string;
      readonly protocols?: readonly string[];
    },
    messages: readonly (string | Buffer)[],
  ): Promise<void> {
    const { protocols = ['neda.v1'], ...options } = how;
    const socket = new WebSocket(`${this.#rest.origin.replace('http', 'ws')}/ws${query}`, [...protocols], options);
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => {
      response.on('data', (chunk: Buffer) => this.refusals.push(chunk.toString('utf8')));
      response.on('end', () => socket.terminate());
    });
    socket.on('open', () => {
      for (const message of messages) socket.send(message);
      socket.ping();
    });
    // What is sent is answered in order with the ping behind it, unless the server has closed before.
    socket.on('message', (data: Buffer) => {
      const text = data.toString('utf8');
      if (text.includes('"ERROR"')) this.refusals.push(text);
      if (!text.includes('"READY"')) socket.close(1000, this.#secret('a secret as the reason of a close'));
    });
    const timer = setTimeout(() => socket.terminate(), 1_500);
    await closeOf(socket);
    clearTimeout(timer);
  }

  /** What needs PostgreSQL, in a form that would be answered. */
  async asUsual(admin: Tokens): Promise<void> {
    const token = admin.accessToken;
    const password = this.#secret('a password while something is wrong', special);
    await this.send('POST', login, { body: { username: 'root', password, device } });
    await this.send('POST', '/api/v1/auth/refresh', { body: { refreshToken: admin.refreshToken } });
    await this.send('POST', '/api/v1/auth/password', {
      token,
      body: { currentPassword: password, newPassword: this.#secret('a new password while something is wrong') },
    });
    await this.send('POST', '/api/v1/admin/users', {
      token,
      body: { username: this.#newName(), displayName: 'F', password: this.#secret("a new user's password") },
    });
    await this.send('POST', '/api/v1/auth/pair', {
      body: { code: this.#secrets.add('another wrong pairing code', 'QRST-VWXZ'), device },
    });
    await this.send('GET', `/api/v1/admin/users?search=${this.#secret('a search while something is wrong')}`, {
      token,
    });
    await this.#socket('', {}, [JSON.stringify({ type: 'HELLO', id: 'h', token })]);
  }

  #newName(): string {
    this.#names += 1;
    return `somebody-${this.#names}`;
  }
}

/** The end of a socket, whether an error came before it or not. */
async function closeOf(socket: EventEmitter): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
}
