import { beforeEach, describe, expect, it } from 'vitest';
import type { Media } from '../../../../src/realtime/protocol/index.ts';
import { FakeTime, settled } from '../../link/test-doubles.ts';
import type { CurrentTalk } from '../../talk/room.ts';
import type { OwnTalk } from '../../talk/talk-key.ts';
import { LivekitCarrier } from './carrier.ts';
import type { LivekitMedia, Recording, RoomEvents, RoomPort } from './ports.ts';

const ANN = '01990000-0000-7000-8000-00000000000a';
const OF_ANN = `u_${ANN}.01990000-0000-7000-8000-0000000000ff`;
const ANN_TALKS: CurrentTalk = {
  talkId: 'theirs',
  streamId: 1,
  speaker: { userId: ANN, displayName: 'Ann' },
  emergency: false,
  mine: false,
};

function mediaOf(token: string): LivekitMedia {
  return { kind: 'livekit', url: 'ws://sfu', room: 'r', token, identity: 'me', expiresInMs: 90_000 };
}

function talkOf(talkId: string): OwnTalk {
  return { talkId, streamId: 1, media: mediaOf(`grant of ${talkId}`) };
}

class FakeTrack implements Recording {
  isStopped = false;
  stop(): void {
    this.isStopped = true;
  }
}

/** A room that answers when it is told to. */
class FakeRoom implements RoomPort<FakeTrack> {
  readonly events: RoomEvents;
  readonly connected = Promise.withResolvers<undefined>();
  publishing: PromiseWithResolvers<undefined> | null = null;
  readonly published: FakeTrack[] = [];
  token = '';
  mayPublish = false;
  isAlone = false;
  isClosed = false;
  voices: { identity: string; play: () => void; silence: () => void }[] = [];
  readonly sounds: string[] = [];
  /** All tracks that were ever given to `publish`. */
  readonly given: FakeTrack[] = [];

  constructor(events: RoomEvents) {
    this.events = events;
  }

  get isPublishing(): boolean {
    return this.published.length > 0;
  }

  async connect({ token }: LivekitMedia): Promise<void> {
    this.token = token;
    await this.connected.promise;
  }

  async publish(track: FakeTrack): Promise<void> {
    if (this.published.length > 0 || this.publishing !== null) throw new Error('two publications at once');
    this.given.push(track);
    this.publishing = Promise.withResolvers();
    try {
      await this.publishing.promise;
      this.published.push(track);
    } finally {
      this.publishing = null;
    }
  }

  async unpublish(): Promise<void> {
    this.published.length = 0;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The media server has taken the publication. */
  async accept(): Promise<void> {
    this.publishing?.resolve(undefined);
    await settled();
  }

  async allow(mayPublish = true): Promise<void> {
    this.mayPublish = mayPublish;
    this.events.onChange();
    await settled();
  }

  voice(identity: string) {
    return {
      identity,
      play: () => void this.sounds.push(`play ${identity}`),
      silence: () => void this.sounds.push(`silence ${identity}`),
    };
  }
}

let time: FakeTime;
let rooms: FakeRoom[];
let states: string[];
let onAir: number;
let fresh: () => Promise<Media>;
let carrier: LivekitCarrier<FakeTrack>;

const PORTS = {
  send: () => undefined,
  onAir: () => {
    onAir += 1;
  },
};

function room(): FakeRoom {
  const last = rooms.at(-1);
  if (last === undefined) throw new Error('no room was opened');
  return last;
}

async function stand(): Promise<void> {
  room().connected.resolve(undefined);
  await settled();
}

/** In a talk that the media server has taken and others hear. */
async function talking(): Promise<FakeRoom> {
  await stand();
  await room().allow();
  carrier.start(talkOf('mine'), PORTS);
  await room().accept();
  room().events.onSubscribed();
  return room();
}

beforeEach(async () => {
  time = new FakeTime();
  rooms = [];
  states = [];
  onAir = 0;
  fresh = async () => mediaOf('fresh');
  carrier = new LivekitCarrier<FakeTrack>({
    groupId: 'g',
    media: mediaOf('joined'),
    openRoom: (events) => {
      rooms.push(new FakeRoom(events));
      return room();
    },
    freshMedia: () => fresh(),
    record: () => new FakeTrack(),
    closeMicrophone: () => undefined,
    surroundings: { nowMs: () => time.nowMs, after: time.after, random: () => 0 },
    onState: (state) => states.push(state),
  });
  await settled();
});

describe('talking by WebRTC', () => {
  it('publishes on the right, and is on air when somebody has subscribed', async () => {
    await stand();
    carrier.start(talkOf('mine'), PORTS);
    expect(room().given).toEqual([]);
    await room().allow();
    expect(room().given.length).toBe(1);
    await room().accept();
    expect(onAir).toBe(0);
    room().events.onSubscribed();
    room().events.onSubscribed();
    expect(onAir).toBe(1);
  });

  it('is on air at once where nobody else is, and does not wait for ever for others', async () => {
    await stand();
    room().isAlone = true;
    await room().allow();
    carrier.start(talkOf('mine'), PORTS);
    await room().accept();
    await time.pass(0);
    expect(onAir).toBe(1);
    carrier.stop();
    await settled();
    room().isAlone = false;
    carrier.start(talkOf('next'), PORTS);
    await room().accept();
    await time.pass(1_499);
    expect(onAir).toBe(1);
    await time.pass(1);
    expect(onAir).toBe(2);
  });

  it('takes the publication back and ends the recording with the talk', async () => {
    const { published, given } = await talking();
    carrier.stop();
    await settled();
    expect([published, given.map(({ isStopped }) => isStopped)]).toEqual([[], [true]]);
  });

  it('takes back what the media server has taken only after the talk', async () => {
    await stand();
    await room().allow();
    carrier.start(talkOf('mine'), PORTS);
    carrier.stop();
    expect(room().given[0]?.isStopped).toBe(true);
    await room().accept();
    expect(room().published).toEqual([]);
    await time.pass(5_000);
    expect(onAir).toBe(0);
  });

  it('never has two publications, however fast it is pressed again', async () => {
    const standing = await talking();
    carrier.stop();
    carrier.start(talkOf('next'), PORTS);
    await settled();
    await standing.accept();
    expect(standing.published).toEqual([standing.given[1]]);
    expect(standing.given[0]?.isStopped).toBe(true);
  });

  it('sends nothing while the WebSocket is away, and goes on without a second go-ahead', async () => {
    const { published, given } = await talking();
    carrier.pause();
    await settled();
    expect([published, given[0]?.isStopped]).toEqual([[], true]);
    carrier.resume(talkOf('mine'));
    await room().accept();
    room().events.onSubscribed();
    expect([published, onAir]).toEqual([[given[1]], 1]);
  });

  it('sends nothing more of a publication that was under way when the WebSocket went away', async () => {
    await stand();
    await room().allow();
    carrier.start(talkOf('mine'), PORTS);
    carrier.pause();
    carrier.resume(talkOf('mine'));
    await room().accept();
    await room().accept();
    expect(room().published).toEqual([room().given[1]]);
  });

  it('publishes again when the media server has dropped it and allows it again', async () => {
    const standing = await talking();
    standing.published.length = 0;
    await standing.allow(false);
    expect(standing.given.length).toBe(1);
    await standing.allow();
    await standing.accept();
    expect(standing.published).toEqual([standing.given[1]]);
  });

  it('tries again when the publication was refused', async () => {
    await stand();
    await room().allow();
    carrier.start(talkOf('mine'), PORTS);
    room().publishing?.reject(new Error('not now'));
    await settled();
    expect(room().given[0]?.isStopped).toBe(true);
    await time.pass(300);
    await room().accept();
    expect(room().published.length).toBe(1);
  });

  it('joins anew with the token of the grant where the media server did not know it', async () => {
    await stand();
    carrier.start(talkOf('mine'), PORTS);
    await time.pass(999);
    expect(rooms.length).toBe(1);
    await time.pass(1);
    expect([rooms.length, rooms[0]?.isClosed, room().token]).toEqual([2, true, 'grant of mine']);
    room().mayPublish = true;
    await stand();
    expect(room().given.length).toBe(1);
  });

  it('takes back what the library publishes again by itself after a repair', async () => {
    const standing = await talking();
    standing.events.onRepair();
    carrier.stop();
    await settled();
    standing.published.push(new FakeTrack());
    standing.events.onChange();
    await settled();
    expect(standing.published).toEqual([]);
  });
});

describe('listening by WebRTC', () => {
  it('plays who holds the floor, at once to who comes late, and nobody else', async () => {
    carrier.follow(ANN_TALKS);
    room().voices = [room().voice('u_stranger.x'), room().voice(OF_ANN)];
    await stand();
    expect(room().sounds).toEqual([`play ${OF_ANN}`]);
  });

  it('plays a voice that comes after the news of its talk, and before it', async () => {
    await stand();
    carrier.follow(ANN_TALKS);
    room().voices = [room().voice(OF_ANN)];
    room().events.onVoices();
    expect(room().sounds).toEqual([`play ${OF_ANN}`]);
    carrier.follow(null);
    await time.pass(200);
    carrier.follow(ANN_TALKS);
    expect(room().sounds).toEqual([`play ${OF_ANN}`, `silence ${OF_ANN}`, `play ${OF_ANN}`]);
  });

  it('plays out what is under way when the talk ends, and no more', async () => {
    await stand();
    room().voices = [room().voice(OF_ANN)];
    carrier.follow(ANN_TALKS);
    carrier.follow(null);
    await time.pass(199);
    expect(room().sounds).toEqual([`play ${OF_ANN}`]);
    await time.pass(1);
    expect(room().sounds).toEqual([`play ${OF_ANN}`, `silence ${OF_ANN}`]);
  });
});

describe('the connection to the media server', () => {
  it('is out of reach when it never stood', async () => {
    room().connected.reject(new Error('no route'));
    await settled();
    expect(states).toEqual(['connecting', 'unreachable']);
    await time.pass(60_000);
    expect(rooms.length).toBe(1);
  });

  it('comes back with a fresh token when it was lost, more and more slowly', async () => {
    await stand();
    room().events.onLost();
    expect(states.at(-1)).toBe('repairing');
    fresh = () => Promise.reject(new Error('503'));
    await time.pass(1_500);
    expect(rooms.length).toBe(1);
    fresh = async () => mediaOf('fresh');
    await time.pass(2_000);
    expect([rooms.length, room().token]).toEqual([2, 'fresh']);
    await stand();
    expect(states.at(-1)).toBe('connected');
  });

  it('comes back at once when the group is joined again', async () => {
    await stand();
    room().events.onLost();
    carrier.renew(mediaOf('joined again'));
    await settled();
    expect([rooms.length, room().token]).toEqual([2, 'joined again']);
    await stand();
    await time.pass(10_000);
    expect(rooms.length).toBe(2);
  });

  it('is left as it is when the group is joined again and it stands', async () => {
    await stand();
    carrier.renew(mediaOf('joined again'));
    await settled();
    expect(rooms.length).toBe(1);
  });

  it('goes on with a talk that is still one’s own', async () => {
    const { given } = await talking();
    room().events.onLost();
    expect(given[0]?.isStopped).toBe(true);
    await time.pass(500);
    room().mayPublish = true;
    await stand();
    await room().accept();
    expect([rooms.length, room().published.length, onAir]).toEqual([2, 1, 1]);
  });

  it('is exchanged for a new one after many talks, when nobody has talked for a while', async () => {
    await stand();
    await room().allow();
    for (let number = 1; number <= 20; number += 1) {
      carrier.start(talkOf(`talk ${number}`), PORTS);
      await room().accept();
      carrier.stop();
      await settled();
      carrier.follow(null);
      if (number < 20) await time.pass(60_000);
    }
    expect(rooms.length).toBe(1);
    await time.pass(4_000);
    carrier.follow(ANN_TALKS);
    await time.pass(60_000);
    carrier.follow(null);
    await time.pass(4_999);
    expect(rooms.length).toBe(1);
    await time.pass(1);
    expect([rooms.length, rooms[0]?.isClosed, room().token]).toEqual([2, true, 'fresh']);
    await stand();
    await time.pass(60_000);
    expect(rooms.length).toBe(2);
  });

  it('stays closed', async () => {
    const { given } = await talking();
    carrier.close();
    await time.pass(60_000);
    expect([rooms.length, room().isClosed, given[0]?.isStopped]).toEqual([1, true, true]);
  });

  it('is not opened by a token that comes after it was closed', async () => {
    await stand();
    const late = Promise.withResolvers<Media>();
    fresh = () => late.promise;
    room().events.onLost();
    await time.pass(500);
    carrier.close();
    late.resolve(mediaOf('late'));
    await settled();
    expect(rooms.length).toBe(1);
  });
});
