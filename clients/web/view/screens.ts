import type { LinkState } from '../link/link.ts';
import type { KeyState } from '../talk/talk-key.ts';
import type { Room } from '../talk/room.ts';
import type { PresentMember, TalkRight } from '../../../src/realtime/protocol/index.ts';
import { byId, make, setText } from './dom.ts';

export type Screen = 'sign-in' | 'groups' | 'talk';

const HEADINGS: Readonly<Record<Screen, string>> = {
  'sign-in': 'sign-in-title',
  groups: 'groups-title',
  talk: 'group-name',
};

/** Shows one screen and moves the focus to its heading, so that a screen reader begins there. */
export function showScreen(shown: Screen): void {
  const wasShown = !byId(shown, HTMLElement).hidden;
  for (const screen of ['sign-in', 'groups', 'talk'] as const) byId(screen, HTMLElement).hidden = screen !== shown;
  if (!wasShown) byId(HEADINGS[shown], HTMLHeadingElement).focus();
}

/** The words for the state of the connection, and the colour by `data-state`. */
export function showLink(place: 'groups-link' | 'talk-link', state: LinkState): void {
  const element = byId(place, HTMLParagraphElement);
  element.dataset['state'] = state.kind;
  setText(element, linkText(state));
}

function linkText(state: LinkState): string {
  switch (state.kind) {
    case 'ready':
      return 'Connected';
    case 'connecting':
      return 'Connecting …';
    case 'waiting':
      return 'Reconnecting …';
    case 'stopped':
      return 'Not connected';
    case 'off':
    case 'signed_out':
      return '';
  }
}

export interface GroupRow {
  readonly id: string;
  readonly name: string;
  readonly talk: TalkRight;
}

/** The list is made anew only when it is another one: the focus may be in it. */
export function showGroups(groups: readonly GroupRow[], isKnown: boolean, onChoose: (id: string) => void): void {
  byId('no-groups', HTMLParagraphElement).hidden = !isKnown || groups.length > 0;
  const list = byId('group-list', HTMLUListElement);
  if (!isNews(list, groups)) return;
  const rows = groups.map(({ id, name, talk }) => {
    const button = make('button', '');
    button.type = 'button';
    button.append(make('span', name));
    if (talk === 'listen_only') button.append(make('span', 'listen only', 'badge'));
    button.addEventListener('click', () => onChoose(id));
    const row = document.createElement('li');
    row.append(button);
    return row;
  });
  list.replaceChildren(...rows);
}

const shownBefore = new WeakMap<HTMLElement, string>();

/** Is this other than what the element showed last? */
function isNews(element: HTMLElement, content: unknown): boolean {
  const text = JSON.stringify(content);
  if (shownBefore.get(element) === text) return false;
  shownBefore.set(element, text);
  return true;
}

/** The newest of a group's people who are shown; a longer list is told by its number. */
const MOST_PEOPLE = 100;

export interface KeyView {
  readonly state: KeyState;
  /** Can the others hear what is said? */
  readonly isOnAir: boolean;
  readonly isToggle: boolean;
}

export function showRoom(room: Room, key: KeyView): void {
  setText(byId('group-name', HTMLHeadingElement), room.name);
  document.title = `${room.name} – Talk`;
  setText(byId('talker', HTMLParagraphElement), talkerText(room, key.state));
  const { dataset } = byId('talk', HTMLElement);
  // Whoever cannot hear the tone sees the same: speak when the button says so.
  dataset['key'] = isWaiting(key) ? 'asking' : key.state.kind;
  dataset['floor'] = room.talk === null ? 'idle' : room.talk.mine ? 'mine' : 'other';
  setText(byId('hold-label', HTMLSpanElement), holdText(key));

  const shown = room.present.slice(0, MOST_PEOPLE);
  showPeople(shown, room);
  setText(byId('people-count', HTMLSpanElement), room.position === null ? '' : String(room.presenceCount));
  const hidden = room.presenceCount - shown.length;
  const more = byId('more-people', HTMLParagraphElement);
  more.hidden = hidden <= 0;
  setText(more, hidden > 0 ? `and ${hidden} more` : '');
}

function showPeople(people: readonly PresentMember[], { me, talk }: Room): void {
  const list = byId('people', HTMLUListElement);
  const talkerId = talk?.speaker.userId ?? null;
  if (!isNews(list, [people, me.userId, talkerId])) return;
  const rows = people.map(({ userId, displayName, role }) => {
    const row = make('li', '');
    const talks = userId === talkerId;
    row.dataset['talks'] = String(talks);
    row.append(make('span', userId === me.userId ? `${displayName} (you)` : displayName));
    const badges = [talks ? 'talking' : '', role === 'group_manager' ? 'manager' : ''].filter((text) => text !== '');
    if (badges.length > 0) row.append(make('span', badges.join(', '), 'badge'));
    return row;
  });
  list.replaceChildren(...rows);
}

function talkerText({ talk, position }: Room, key: KeyState): string {
  if (key.kind === 'talking') return 'You are talking';
  if (key.kind === 'queued') {
    const place = key.position === 1 ? 'You are next' : `You are number ${key.position} in the queue`;
    return talk === null ? place : `${talk.speaker.displayName} is talking. ${place}`;
  }
  if (position === null) return '';
  if (talk === null) return 'Nobody is talking';
  if (talk.mine) return 'You are talking';
  return `${talk.speaker.displayName} is talking${talk.emergency ? ': emergency' : ''}`;
}

function isWaiting({ state, isOnAir }: KeyView): boolean {
  return state.kind === 'talking' && !isOnAir;
}

function holdText(key: KeyView): string {
  switch (key.state.kind) {
    case 'up':
      return key.isToggle ? 'Press to talk' : 'Hold to talk';
    case 'asking':
      return 'Wait …';
    case 'queued':
      return 'In the queue';
    case 'talking':
      return isWaiting(key) ? 'Wait …' : 'Speak now';
    case 'spent':
      return 'Let go';
  }
}

/** What is left of one's own talk, as m:ss. */
export function showTimeLeft(leftMs: number | null): void {
  const element = byId('time-left', HTMLParagraphElement);
  if (leftMs === null) return setText(element, '');
  const seconds = Math.max(0, Math.ceil(leftMs / 1_000));
  setText(element, `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`);
}
