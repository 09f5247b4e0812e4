import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startBrowser, type TestBrowser, type TestPage } from '../_support/browser.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { enterGroup, openTalkPage, signIn } from '../_support/talk-page.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

/** The talk page as people use it, in a real browser: everything but the sound itself. */

let database: TestDatabase;
let directory: string;
let neda: Neda;
let browser: TestBrowser;
let adminToken: string;
const opened: TestPage[] = [];
/** What the browser may complain about in this test, besides nothing. */
let expectedComplaints: RegExp | null;

beforeAll(async () => {
  [database, directory] = await Promise.all([createDatabase(), makeTemporaryDirectory('talk-page')]);
  [neda, browser] = await Promise.all([startNeda({ databaseUrl: database.url, directory }), startBrowser()]);
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await neda[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await removeDirectory(directory);
});

beforeEach(async () => {
  expectedComplaints = null;
  adminToken = (await neda.rest.login('admin')).accessToken;
});

afterEach(async () => {
  const complaints = opened.flatMap((person) => person.complaints);
  await Promise.all(opened.splice(0).map(({ page }) => page.context().close()));
  const unexpected = complaints.filter((text) => expectedComplaints?.test(text) !== true);
  if (unexpected.length > 0) throw new Error(`the browser complained: ${unexpected.join('; ')}`);
});

async function newPage(options?: Parameters<TestBrowser['newPage']>[0]): Promise<Page> {
  const person = await browser.newPage(options);
  opened.push(person);
  return person.page;
}

/** A new user in a new group of admin's. */
async function person(
  fields: { readonly talk?: 'allowed' | 'listen_only'; readonly settings?: Readonly<Record<string, unknown>> } = {},
) {
  const name = `u${Math.random().toString(36).slice(2, 10)}`;
  const user = await neda.rest.createUser(adminToken, { username: name, displayName: `The ${name}` });
  const admin = await neda.rest.login('admin');
  const group = await neda.rest.createGroup(adminToken, {
    name: `Group of ${name}`,
    managerId: admin.user.id,
    ...(fields.settings === undefined ? {} : { settings: fields.settings }),
  });
  await neda.rest.putMember(adminToken, group.id, user.id, fields.talk === undefined ? {} : { talk: fields.talk });
  return { user, group };
}

/** That user on the page, in the group. */
async function enter(username: string, groupName: string, options?: Parameters<TestBrowser['newPage']>[0]) {
  const page = await newPage(options);
  await signIn(page, neda.origin, username);
  await enterGroup(page, groupName);
  return page;
}

/** The admin beside the pages, in the group. */
async function adminInGroup(groupId: string): Promise<WsClient> {
  const socket = await WsClient.signIn(neda.origin, (await neda.rest.login('admin')).accessToken);
  await socket.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  return socket;
}

function alert(page: Page, text: string | RegExp) {
  return page.getByRole('alert').filter({ hasText: text });
}

function status(page: Page, text: string | RegExp) {
  return page.getByRole('status').filter({ hasText: text });
}

function talkButton(page: Page) {
  return page.locator('#hold');
}

async function focused(page: Page): Promise<unknown> {
  return page.evaluate('document.activeElement.id');
}

describe('the talk page', () => {
  it('comes with a policy that lets nothing in from elsewhere and nothing inline', async () => {
    const answer = await neda.rest.request('GET', '/talk');
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    const directives = new Map(
      policy.split(';').map((text) => {
        const [name = '', ...sources] = text.trim().split(' ');
        return [name, sources] as const;
      }),
    );
    expect(directives.get('default-src')).toEqual(["'none'"]);
    expect(directives.get('script-src')).toEqual(["'self'"]);
    expect(directives.get('style-src')).toEqual(["'self'"]);
    expect(directives.get('frame-ancestors')).toEqual(["'none'"]);
    expect(directives.get('base-uri')).toEqual(["'none'"]);
    expect(directives.get('connect-src')).toEqual([
      "'self'",
      `ws://127.0.0.1:${neda.port}`,
      `ws://localhost:${neda.port}`,
    ]);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(answer.headers.get('permissions-policy')).toContain('microphone=(self)');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.text).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/);

    const files = [...answer.text.matchAll(/(?:src|href|content)="(\/[^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      const asset = await neda.rest.request('GET', file);
      expect(`${file} ${asset.status}`).toBe(`${file} 200`);
      expect(asset.headers.get('cache-control')).toContain('immutable');
      expect(asset.headers.get('content-security-policy')).toBe(policy);
    }
    expect((await neda.rest.request('GET', '/talk/..%2f..%2fpackage.json')).status).toBe(404);
  });

  it('is not there when it is switched off', async () => {
    await using own = await createDatabase();
    await using other = await startNeda({ databaseUrl: own.url, env: { TALK_PAGE: 'off' } });
    expect((await other.rest.request('GET', '/talk')).status).toBe(404);
  });
});

describe('signing in', () => {
  it('says that name and password do not fit, and what is missing', async () => {
    expectedComplaints = /status of 401/;
    const page = await newPage();
    await openTalkPage(page, neda.origin);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Enter your user name and your password.').waitFor();
    expect(await focused(page)).toBe('username');
    await page.getByRole('textbox', { name: 'User name' }).fill('alice');
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('User name and password do not fit together.').waitFor();
  });

  it('takes a pairing code once', async () => {
    expectedComplaints = /status of 401/;
    const { user } = await person();
    const { code } = z
      .looseObject({ code: z.string() })
      .parse(
        await neda.rest.expect(201, 'POST', `/api/v1/admin/users/${user.id}/pairing-codes`, { token: adminToken }),
      );
    const use = async (): Promise<Page> => {
      const page = await newPage({ phone: true });
      await openTalkPage(page, neda.origin);
      await page.getByRole('radio', { name: 'Pairing code' }).check();
      await page.getByRole('textbox', { name: 'Pairing code' }).fill(code.toLowerCase());
      await page.getByRole('button', { name: 'Sign in' }).click();
      return page;
    };
    await (await use()).getByRole('heading', { name: 'Your groups' }).waitFor();
    await (await use()).getByText('This code is wrong, was used already, or has run out.').waitFor();
  });

  it('lasts over a reload, and ends with signing out', async () => {
    const page = await newPage();
    await signIn(page, neda.origin, 'alice');
    await page.reload();
    await page.getByRole('button', { name: 'Team' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Push to talk' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Push to talk' }).waitFor();
    expect(await page.evaluate('JSON.stringify([{ ...sessionStorage }, { ...localStorage }])')).toBe('[{},{}]');
  });

  it('is asked for again when an admin has ended the session', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await neda.rest.expect(200, 'PATCH', `/api/v1/admin/users/${user.id}`, {
      token: adminToken,
      body: { disabled: true },
    });
    await page.getByText('Your account has been switched off.').waitFor();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });
});

describe('holding', () => {
  it('the space bar talks until it is let go', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    const admin = await adminInGroup(group.id);
    await page.keyboard.down(' ');
    await page.getByText('You are talking').waitFor();
    await admin.waitForType('TALK_STARTED');
    await page.keyboard.up(' ');
    expect(await admin.waitForType('TALK_ENDED')).toMatchObject({ cause: 'released' });
    await page.getByText('Nobody is talking').waitFor();
    await admin.close();
  });

  it('the button talks, by mouse and by Enter', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await talkButton(page).hover();
    await page.mouse.down();
    await page.getByText('You are talking').waitFor();
    await page.mouse.up();
    await page.getByText('Nobody is talking').waitFor();
    await talkButton(page).focus();
    await page.keyboard.down('Enter');
    await page.getByText('You are talking').waitFor();
    await page.keyboard.up('Enter');
    await page.getByText('Nobody is talking').waitFor();
  });

  it('ends when the window loses the attention', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await page.keyboard.down(' ');
    await page.getByText('You are talking').waitFor();
    await page.evaluate('window.dispatchEvent(new Event("blur"))');
    await page.getByText('Nobody is talking').waitFor();
  });

  it('can be replaced by pressing twice, for whoever cannot hold', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await page.getByRole('checkbox', { name: 'Press once to talk, again to stop' }).check();
    await page.getByRole('button', { name: 'Press to talk' }).click();
    await page.getByText('You are talking').waitFor();
    await page.getByRole('button', { name: 'Speak now' }).click();
    await page.getByText('Nobody is talking').waitFor();
  });

  it('is a click and another for assistive programs', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await page.evaluate('document.getElementById("hold").click()');
    await page.getByText('You are talking').waitFor();
    await page.evaluate('document.getElementById("hold").click()');
    await page.getByText('Nobody is talking').waitFor();
  });

  it('leaves the space bar to other controls', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    const toggle = page.getByRole('checkbox');
    await toggle.focus();
    await page.keyboard.press(' ');
    expect(await toggle.isChecked()).toBe(true);
    await page.getByText('Nobody is talking').waitFor();
  });
});

describe('the page says', () => {
  it('who talks, who is there, and whose turn is next', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    const admin = await adminInGroup(group.id);
    await page
      .getByRole('listitem')
      .filter({ hasText: /Admin.*manager/ })
      .waitFor();
    await admin.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: group.id });
    await page
      .getByRole('status')
      .filter({ hasText: /^Admin.* is talking$/ })
      .waitFor();
    await page
      .getByRole('listitem')
      .filter({ hasText: /Admin.*talking/ })
      .waitFor();
    await page.keyboard.down(' ');
    await page.getByText('is talking. You are next').waitFor();
    await admin.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId: group.id });
    await page.getByText('You are talking').waitFor();
    await page.keyboard.up(' ');
    await admin.close();
  });

  it('who talks to whoever comes late', async () => {
    const { user, group } = await person();
    const admin = await adminInGroup(group.id);
    await admin.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: group.id });
    const page = await enter(user.username, group.name);
    await page.getByText(/Admin.* is talking/).waitFor();
    await admin.close();
  });

  it('that one may listen only', async () => {
    const { user, group } = await person({ talk: 'listen_only' });
    const page = await enter(user.username, group.name);
    await page.keyboard.down(' ');
    await alert(page, 'You may listen in this group, but not talk.').waitFor();
    await page.keyboard.up(' ');
  });

  it('that somebody else talks, where nobody may wait', async () => {
    const { user, group } = await person({ settings: { queueLimit: 0 } });
    const page = await enter(user.username, group.name);
    const admin = await adminInGroup(group.id);
    await admin.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: group.id });
    await page.keyboard.down(' ');
    await alert(page, /Admin.* is talking. Try again/).waitFor();
    await page.keyboard.up(' ');
    await admin.close();
  });

  it('that the time is up, and when it may be tried again', async () => {
    const { user, group } = await person({ settings: { maxTalkMs: 1_000, cooldownMs: 30_000 } });
    const page = await enter(user.username, group.name);
    await page.keyboard.down(' ');
    await alert(page, 'Your time is up. You can talk again in 30 seconds.').waitFor();
    await page.getByRole('button', { name: 'Let go' }).waitFor();
    await page.keyboard.up(' ');
    await page.keyboard.down(' ');
    await alert(page, /Your last talk ran to its limit/).waitFor();
    await page.keyboard.up(' ');
  });

  it('that a manager has ended the talk', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    const admin = await adminInGroup(group.id);
    await page.keyboard.down(' ');
    await page.getByText('You are talking').waitFor();
    await admin.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId: group.id });
    await alert(page, 'Your talk was ended by a manager.').waitFor();
    await page.keyboard.up(' ');
    await admin.close();
  });

  it('that one was removed from the group', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    await neda.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${group.id}/members/${user.id}`, {
      token: adminToken,
    });
    await alert(page, `You were removed from ${group.name}.`).waitFor();
    await page.getByText('You are in no group yet.').waitFor();
  });

  it('that the session is used in another tab, and takes it back', async () => {
    const { user, group } = await person();
    const page = await enter(user.username, group.name);
    const kept = await page.evaluate('sessionStorage.getItem("neda.session")');
    const second = await newPage();
    await second.addInitScript(`sessionStorage.setItem('neda.session', ${JSON.stringify(kept)})`);
    await openTalkPage(second, neda.origin);
    await alert(page, 'This session is now used in another tab or window.').waitFor();
    await page.getByRole('button', { name: 'Use it here' }).click();
    await status(page, 'Connected').waitFor();
    await alert(page, 'This session is now used in another tab or window.').waitFor({ state: 'detached' });
    await alert(second, 'This session is now used in another tab or window.').waitFor();
  });
});

describe('a lost server', () => {
  it('is found again when it comes back, with the group and a talk that works', async () => {
    // Of whatever was under way when the server was killed, and of each try since.
    expectedComplaints = /WebSocket connection|net::ERR_/;
    await using own = await createDatabase();
    const place = await makeTemporaryDirectory('talk-page-lost');
    let server = await startNeda({ databaseUrl: own.url, directory: place });
    try {
      const page = await newPage();
      await signIn(page, server.origin, 'bob');
      await enterGroup(page, 'Team');
      await server.kill();
      await status(page, /onnecting/).waitFor();
      server = await startNeda({ databaseUrl: own.url, directory: place, port: server.port });
      await status(page, 'Connected').waitFor({ timeout: 60_000 });
      await page.getByText('Nobody is talking').waitFor();
      await page.keyboard.down(' ');
      await page.getByText('You are talking').waitFor();
      await page.keyboard.up(' ');
      await page.getByText('Nobody is talking').waitFor();
    } finally {
      await server[Symbol.asyncDispose]();
      await removeDirectory(place);
    }
  }, 180_000);

  it('costs no talk when the connection alone breaks', async () => {
    const { user, group } = await person();
    const page = await newPage();
    // The page's own sockets, so that one can be cut from outside.
    await page.addInitScript(
      'const Real = WebSocket; globalThis.opened = []; globalThis.WebSocket = class extends Real { constructor(...given) { super(...given); opened.push(this); } }',
    );
    await signIn(page, neda.origin, user.username);
    await enterGroup(page, group.name);
    const admin = await adminInGroup(group.id);
    await page.keyboard.down(' ');
    await page.getByText('You are talking').waitFor();
    const { talkId } = await admin.waitForType('TALK_STARTED');
    await page.evaluate('opened.at(-1).close()');
    await until(() => page.evaluate<boolean>('opened.length > 1'), {
      limitMs: 1_500,
      describe: () => 'the page connects again',
    });
    await status(page, 'Connected').waitFor();
    await page.keyboard.up(' ');
    expect(await admin.waitForType('TALK_ENDED')).toMatchObject({ talkId, cause: 'released' });
    await admin.close();
  });
});

describe('the page is for everybody', () => {
  const themes = [{ dark: false }, { dark: true }, { phone: true }];

  it.each(themes)('no screen has a barrier that axe knows of (%j)', async (theme) => {
    const { user, group } = await person();
    const page = await newPage(theme);
    await openTalkPage(page, neda.origin);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expectNoBarrier(page);
    await signIn(page, neda.origin, user.username);
    await page.getByRole('button', { name: group.name }).waitFor();
    await expectNoBarrier(page);
    await enterGroup(page, group.name);
    await expectNoBarrier(page);
    await page.keyboard.down(' ');
    await page.getByText('You are talking').waitFor();
    await expectNoBarrier(page);
    await page.keyboard.up(' ');
  });

  it('the focus goes to the heading of each screen, and along the controls in order', async () => {
    const { user, group } = await person();
    const page = await newPage();
    await signIn(page, neda.origin, user.username);
    expect(await focused(page)).toBe('groups-title');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('sign-out');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: group.name }).waitFor();
    expect(await focused(page)).toBe('group-name');
    for (const id of ['hold', 'toggle']) {
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe(id);
    }
  });

  it('nothing is wider than a phone', async () => {
    const { user, group } = await person();
    const page = await newPage({ phone: true });
    const overhang = 'document.documentElement.scrollWidth - innerWidth';
    await openTalkPage(page, neda.origin);
    expect(await page.evaluate(overhang)).toBe(0);
    await signIn(page, neda.origin, user.username);
    expect(await page.evaluate(overhang)).toBe(0);
    await enterGroup(page, group.name);
    expect(await page.evaluate(overhang)).toBe(0);
    const isWholeInSight = 'document.getElementById("hold").getBoundingClientRect().bottom <= innerHeight';
    expect(await page.evaluate(isWholeInSight)).toBe(true);
  });
});

const violations = z.array(z.looseObject({ id: z.string(), nodes: z.array(z.looseObject({ html: z.string() })) }));

async function expectNoBarrier(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  // A colour in the middle of a fade is no colour of the page.
  await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
  const found = violations.parse(await page.evaluate('axe.run().then(({ violations }) => violations)'));
  expect(found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
}
