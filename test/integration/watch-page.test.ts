import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decoder } from '@evan/opus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CloseCode, denyCause, endCause } from '../../src/realtime/protocol/index.ts';
import { packetsOf, sendPacket, packetBytes } from '../_support/audio.ts';
import { bareEnvironment } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { RawWebSocket } from '../_support/raw-websocket.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

const page = read('docs/watch-clients.md');
const program = read('clients/watch/main.ts');
/** Longer than any wait of the client's back-off after so few failures. */
const LIMIT_MS = 20_000;

function read(path: string): string {
  return readFileSync(join(repository, path), 'utf8');
}

/** The code block behind a comment of the page. */
function blockOf(name: string): string {
  const [, block = ''] =
    new RegExp(`<!-- ${name} -->\\n\`\`\`\\w*\\n([^\`]*(?:\`(?!\`\`)[^\`]*)*)\`\`\``).exec(page) ?? [];
  expect(block, `the block "${name}"`).not.toBe('');
  return block;
}

/** The cells of the rows of the table below this head. */
function tableOf(head: string): string[][] {
  const [, rows = ''] = page.split(`| ${head} |`).map((text) => /^.*\n\|[-|]+\|\n((?:\|.*\n)+)/.exec(text)?.[1] ?? '');
  expect(rows, `the table "${head}"`).not.toBe('');
  return rows
    .trim()
    .split('\n')
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** `name` in a cell of the first column. */
function namesIn(rows: readonly string[][]): string[] {
  return rows.flatMap(([first = '']) => [...first.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name));
}

/** The hex dump: bytes in front, words behind. */
function dumped(): { readonly bytes: Buffer; readonly words: string } {
  const lines = blockOf('packet').trimEnd().split('\n');
  const hex = lines.map((line) => /^(?:[0-9a-f]{2} ?)+/.exec(line)?.[0] ?? '').join('');
  return { bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'), words: lines.join('\n') };
}

describe('what the page for authors of watch clients says', () => {
  it('of a packet is what its bytes are', () => {
    const { bytes, words } = dumped();
    const [frame, packet] = [bytes.subarray(0, 2), bytes.subarray(2)];
    expect([...frame]).toEqual([0x82, packet.length]);
    expect(words).toContain(`message of ${packet.length} bytes`);
    expect(packet[0]).toBe(1);
    expect(words).toContain(`streamId ${packet.readUInt32BE(1)},`);
    expect(words).toContain(`packet number ${packet.readUInt32BE(5)}\n`);
    const opus = packet.subarray(9);
    const [toc = 0] = opus;
    expect(words).toContain(`configuration ${toc >> 3} `);
    expect(toc & 0b111).toBe(0); // mono, one frame
    const decoder = new Decoder({ channels: 1, sample_rate: 48_000 });
    const pcm = decoder.decode(opus);
    expect(pcm.length / 2).toBe(960); // 20 ms
  });

  it('of bytes per second is what follows from the layout', () => {
    const rows = tableOf('bit rate | frame | packets/s');
    expect(rows).toHaveLength(6);
    for (const [bitRate = '', frame = '', ...cells] of rows) {
      const perSecond = 1_000 / Number.parseInt(frame, 10);
      const opusBytes = (Number.parseInt(bitRate, 10) * 1_000) / 8 / perSecond;
      const message = 9 + opusBytes;
      const onTheWire = message + (message < 126 ? 2 : 4) + 22 + 52;
      const expected = [opusBytes, message * perSecond, (onTheWire + 4) * perSecond, onTheWire * perSecond];
      expect(cells).toEqual([
        perSecond.toFixed(1),
        ...expected.map((value) => String(Math.round(value)).replace(/(?=\d{3}$)(?<=\d)/, ' ')),
      ]);
    }
  });

  it('of the jitter buffer is what the talk page has', () => {
    const source = read('clients/web/audio/jitter-buffer.ts');
    const constant = (name: string): string => new RegExp(`const ${name} = ([\\d_]+);`).exec(source)?.[1] ?? 'missing';
    const table = tableOf('what | how much').map(([, amount = '']) => amount);
    expect(table).toEqual([
      expect.stringContaining(`${constant('FIRST_TARGET_MS')} ms`),
      `${constant('TARGET_STEP_MS')} ms, up to ${constant('LAST_TARGET_MS')} ms`,
      `${constant('MAX_BUFFERED_MS').replace('_', ' ')} ms`,
      `${constant('MAX_GAP_MS')} ms`,
    ]);
  });

  it('has every close code, deny cause and end cause, and what to do with others', () => {
    const codes = tableOf('code');
    const named = codes.flatMap(([first = '']) =>
      [...first.matchAll(/(\d{4}) `(\w+)`/g)].map(([, code, name]) => [name, Number(code)]),
    );
    expect(Object.fromEntries(named)).toEqual({ ...CloseCode });
    expect(namesIn(tableOf('cause')).toSorted()).toEqual([...denyCause.options].toSorted());
    expect(namesIn(tableOf('end cause')).toSorted()).toEqual([...endCause.options].toSorted());
    for (const head of ['code', 'cause', 'end cause']) expect(tableOf(head).at(-1)?.[0]).toMatch(/^any other/);
  });

  it('shows the client as it is, in fewer than 80 lines', () => {
    expect(blockOf('client')).toBe(program);
    expect(program.trimEnd().split('\n').length).toBeLessThan(80);
  });
});

describe('against a running server', { timeout: 240_000 }, () => {
  let database: TestDatabase;
  let directory: string;
  let neda: Neda;
  let groupId: string;
  let alice: WsClient;
  const programs: ChildProcess[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    directory = await makeTemporaryDirectory('watch');
    neda = await startNeda({ databaseUrl: database.url, directory, port: await freePort() });
    await comeIn();
  });
  afterAll(async () => {
    for (const child of programs) child.kill('SIGKILL');
    await neda[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await removeDirectory(directory);
  });

  async function comeIn(): Promise<void> {
    const { accessToken } = await neda.rest.login('alice');
    groupId = (await neda.rest.groupNamed(accessToken, 'Team')).id;
    alice = await WsClient.signIn(neda.origin, accessToken);
    await alice.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, audio: true });
  }

  async function press(client: WsClient): Promise<number> {
    return Number((await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId }))['streamId']);
  }

  it('a packet is relayed byte for byte as the page shows it', async () => {
    const { accessToken } = await neda.rest.login('carol');
    const carol = await RawWebSocket.connect(neda.origin, accessToken);
    carol.send({ type: 'HELLO', id: '1' });
    carol.send({ type: 'JOIN_GROUP', id: '2', groupId, audio: true });
    await until(() => carol.texts().some((text) => text.includes('"GROUP_JOINED"')), {
      limitMs: LIMIT_MS,
      describe: () => `Carol is in the group. She got ${carol.texts().join('\n')}`,
    });
    const streamId = await press(alice);
    const shown = dumped().bytes;
    const packet = { streamId, number: shown.readUInt32BE(7), opus: shown.subarray(11) };
    alice.sendRaw(packetBytes(packet));
    const [frame] = await until(() => (carol.binaryFrames().length > 0 ? carol.binaryFrames() : null), {
      limitMs: LIMIT_MS,
      describe: () => 'Carol hears the packet',
    });
    const expected = Buffer.from(shown);
    expected.writeUInt32BE(streamId, 3);
    expect(frame?.toString('hex')).toBe(expected.toString('hex'));
    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    carol.close();
  });

  it('the client pairs, hears, talks, and comes back after a restart', async () => {
    const admin = await neda.rest.login('admin');
    const bob = (await neda.rest.login('bob')).user;
    const path = `/api/v1/admin/users/${bob.id}/pairing-codes`;
    const made = await neda.rest.expect(201, 'POST', path, { token: admin.accessToken });
    const { code } = z.looseObject({ code: z.string() }).parse(made);

    const child = spawn(
      join(repository, 'node_modules', '.bin', 'node'),
      [join(repository, 'clients/watch/main.ts'), neda.origin, code, 'Team'],
      { env: bareEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] },
    );
    programs.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    }
    const prints = (pattern: RegExp): Promise<unknown> =>
      until(() => pattern.test(output), {
        limitMs: LIMIT_MS,
        describe: () => `it prints ${pattern}. So far: ${output}`,
      });

    await prints(/^READY[^]*^GROUP_JOINED/m);
    const streamId = await press(alice);
    for (const number of [0, 1]) sendPacket(alice, streamId, number, 3);
    await prints(new RegExp(`^packet 1 of stream ${streamId} <Buffer 01 01 01>$`, 'm'));
    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await prints(/^TALK_ENDED released$/m);

    const mark = alice.mark();
    child.stdin.write('press\n');
    const started = await alice.waitFor(({ type }) => type === 'TALK_STARTED', { after: mark, limitMs: LIMIT_MS });
    const heard = () => packetsOf(alice, Number(started['streamId']));
    await until(() => heard().length >= 5, { limitMs: LIMIT_MS, describe: () => 'Alice hears five packets' });
    expect(
      heard()
        .map(({ number }) => number)
        .slice(0, 5),
    ).toEqual([0, 1, 2, 3, 4]);
    expect(heard()[4]?.opus.toString('hex')).toBe('f8fffe');
    child.stdin.write('let go\n');
    const ended = await alice.waitFor(({ type, talkId }) => type === 'TALK_ENDED' && talkId === started['talkId'], {
      after: mark,
      limitMs: LIMIT_MS,
    });
    expect(ended).toMatchObject({ cause: 'released' });

    expect(await neda.stop()).toBe(0);
    await prints(/^closed 4000$/m);
    output = '';
    neda = await startNeda({ databaseUrl: database.url, directory, port: neda.port });
    await prints(/^READY[^]*^GROUP_JOINED/m);
  });
});
