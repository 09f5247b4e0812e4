import { Account } from './account.ts';
import { Api, ApiRefusal } from './api.ts';
import type { LivekitState } from './audio/livekit/carrier.ts';
import { NoMicrophone } from './audio/microphone.ts';
import { Voice, type Worklets } from './audio/voice.ts';
import { openSocket, surroundings } from './browser.ts';
import type { LinkState } from './link/link.ts';
import { Session } from './session.ts';
import { wayOf } from './talk/way.ts';
import { closeText, microphoneText, signedOutText, signInText, soundText } from './texts.ts';
import { byId, setText } from './view/dom.ts';
import { listenForHold } from './view/hold.ts';
import { type Screen, showGroups, showLink, showRoom, showScreen, showTimeLeft } from './view/screens.ts';
import { type SignInAttempt, SignInView } from './view/sign-in.ts';

const TOGGLE_KEY = 'neda.toggle';
const CLOCK_MS = 250;

/** The page: what the person does goes to the session, what the session says is shown. */
export class Page {
  readonly #worklets: Worklets;
  readonly #api = new Api({
    name: 'Talk page',
    kind: matchMedia('(pointer: coarse)').matches ? 'phone' : 'browser',
  });
  // In the tab's own storage: two tabs are two people, or one person on two devices, as the server counts.
  readonly #account = new Account(this.#api, sessionStorage, () => Date.now());
  readonly #signIn = new SignInView((attempt) => this.#trySignIn(attempt));
  readonly #session: Session;
  readonly #notice = byId('notice', HTMLParagraphElement);
  readonly #groupsFault = byId('groups-fault', HTMLParagraphElement);
  readonly #soundNote = byId('sound-note', HTMLParagraphElement);
  readonly #microphoneAgain = byId('microphone-again', HTMLButtonElement);
  readonly #toggle = byId('toggle', HTMLInputElement);
  readonly #ring = byId('ring', HTMLSpanElement);
  #voice: Voice | null = null;
  #isEntering = false;
  /** Pressed before the sound was ready: the floor is asked for when it is. */
  #pressWaits = false;
  #livekit: LivekitState = 'connecting';

  constructor(worklets: Worklets) {
    this.#worklets = worklets;
    this.#session = new Session(
      { openSocket, surroundings, tokens: this.#account },
      {
        onChange: () => this.#show(),
        onLink: (state) => this.#showLink(state),
        onNotice: (text) => setText(this.#notice, text),
        onLeft: (reason) => this.#left(reason),
        onJoined: () => void this.#prepareSound(),
      },
    );
    this.#listen();
  }

  start(): void {
    this.#toggle.checked = localStorage.getItem(TOGGLE_KEY) === 'on';
    if (this.#account.isSignedIn) this.#session.link.start();
    this.#show();
  }

  get #screen(): Screen {
    if (!this.#account.isSignedIn) return 'sign-in';
    return this.#session.room === null ? 'groups' : 'talk';
  }

  #listen(): void {
    byId('sign-out', HTMLButtonElement).addEventListener('click', () => void this.#signOut());
    byId('leave', HTMLButtonElement).addEventListener('click', () => this.#session.leave());
    for (const id of ['groups-again', 'talk-again']) {
      byId(id, HTMLButtonElement).addEventListener('click', () => {
        setText(this.#notice, '');
        this.#session.link.start();
      });
    }
    this.#microphoneAgain.addEventListener('click', () => void this.#prepareSound());
    this.#toggle.addEventListener('change', () => {
      localStorage.setItem(TOGGLE_KEY, this.#toggle.checked ? 'on' : 'off');
      this.#show();
    });
    listenForHold(byId('hold', HTMLButtonElement), {
      press: () => this.#press(),
      letGo: () => this.#letGo(),
      isToggle: () => this.#toggle.checked,
      isShown: () => this.#screen === 'talk',
    });
    window.addEventListener('online', () => this.#session.link.hurry());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      this.#session.link.hurry();
      this.#voice?.wake();
    });
    setInterval(() => showTimeLeft(this.#session.talkLeftMs), CLOCK_MS);
  }

  async #trySignIn(attempt: SignInAttempt): Promise<void> {
    try {
      await (attempt.way === 'code' ? this.#account.pair(attempt.code) : this.#account.signIn(attempt));
    } catch (error) {
      const refusal = error instanceof ApiRefusal ? error : null;
      this.#signIn.say(signInText(attempt.way, refusal?.status ?? 0, refusal?.retryAfterMs ?? null));
      return;
    }
    this.#signIn.clear();
    this.#session.link.start();
    this.#show();
  }

  async #signOut(): Promise<void> {
    this.#session.forget();
    this.#session.link.stop();
    const told = this.#account.signOut();
    this.#show();
    await told;
  }

  /** Called on a click or a key: only then browsers let sound begin. */
  async #enter(groupId: string): Promise<void> {
    setText(this.#groupsFault, '');
    if (this.#isEntering) return;
    this.#isEntering = true;
    try {
      const voice = await Voice.open(this.#worklets);
      this.#voice = voice;
      this.#session.enter(groupId, voice);
      if (this.#session.room === null) this.#left('');
    } catch {
      setText(this.#groupsFault, 'The sound could not be started. Reload the page, and try again.');
    } finally {
      this.#isEntering = false;
    }
  }

  #left(reason: string): void {
    void this.#voice?.close();
    this.#voice = null;
    this.#pressWaits = false;
    this.#livekit = 'connecting';
    setText(this.#notice, '');
    setText(this.#soundNote, '');
    this.#microphoneAgain.hidden = true;
    setText(this.#groupsFault, reason);
    this.#show();
  }

  #press(): void {
    this.#voice?.wake();
    if (this.#isSoundReady) {
      this.#session.press();
      return;
    }
    // Without sound the floor would only be kept from others.
    setText(this.#notice, '');
    this.#pressWaits = true;
    void this.#prepareSound();
  }

  #letGo(): void {
    this.#pressWaits = false;
    this.#session.letGo();
  }

  /** Can what is said go out? Where there is no sound at all, there is nothing to wait for. */
  get #isSoundReady(): boolean {
    const way = wayOf(this.#session.room?.media ?? null);
    if (way === 'none') return true;
    const isConnected = way === 'relay' || (way === 'livekit' && this.#livekit !== 'connecting');
    return isConnected && this.#voice?.hasMicrophone === true;
  }

  /** Lets the sound of the group come as the server says, and asks for the microphone. */
  async #prepareSound(): Promise<void> {
    const { room } = this.#session;
    const voice = this.#voice;
    if (room === null || room.media === null || voice === null) return;
    this.#showSound();
    const carrying = voice.carry(room.media, {
      groupId: room.groupId,
      freshMedia: async () => this.#api.mediaToken(room.groupId, await this.#account.current()),
      surroundings,
      onLivekit: (state) => {
        if (voice === this.#voice) this.#followLivekit(state);
      },
    });
    const isSilent = wayOf(room.media) === 'none' || !window.isSecureContext;
    await Promise.all([
      carrying.catch(() => this.#followLivekit('unreachable')),
      isSilent || this.#openMicrophone(voice),
    ]);
    if (voice === this.#voice) this.#pressNow();
  }

  #followLivekit(state: LivekitState): void {
    this.#livekit = state;
    if (state === 'unreachable') this.#session.useRelay();
    this.#showSound();
    this.#pressNow();
  }

  #pressNow(): void {
    if (!this.#pressWaits || !this.#isSoundReady) return;
    this.#pressWaits = false;
    this.#session.press();
  }

  #showSound(): void {
    const { room } = this.#session;
    const voice = this.#voice;
    if (room === null || voice === null) return;
    const text = window.isSecureContext
      ? soundText({
          way: wayOf(room.media),
          canPlay: voice.canPlay,
          livekit: this.#livekit,
          isFallback: this.#livekit === 'unreachable',
        })
      : microphoneText('insecure');
    setText(this.#soundNote, text ?? '');
  }

  async #openMicrophone(voice: Voice): Promise<void> {
    this.#microphoneAgain.hidden = true;
    try {
      await voice.openMicrophone((level) => this.#ring.style.setProperty('--level', level.toFixed(2)));
    } catch (error) {
      if (!(error instanceof NoMicrophone) || voice !== this.#voice) return;
      setText(this.#notice, microphoneText(error.fault));
      this.#microphoneAgain.hidden = error.fault === 'unsupported' || error.fault === 'insecure';
    }
  }

  #showLink(state: LinkState): void {
    if (state.kind === 'signed_out') {
      this.#account.forget();
      this.#session.forget();
      this.#signIn.say(signedOutText(state.code));
    }
    const isStopped = state.kind === 'stopped';
    for (const id of ['groups-again', 'talk-again']) byId(id, HTMLButtonElement).hidden = !isStopped;
    if (isStopped) {
      this.#letGo();
      // Another tab has the session: the media server knows one connection of it as well.
      this.#voice?.rest();
      for (const place of [this.#notice, this.#groupsFault]) setText(place, closeText(state.code));
    } else if (state.kind === 'connecting') setText(this.#groupsFault, '');
    showLink('groups-link', state);
    showLink('talk-link', state);
    this.#show();
  }

  #show(): void {
    const { room, key, isOnAir, groups, isKnown } = this.#session;
    const screen = this.#screen;
    if (room !== null) showRoom(room, { state: key, isOnAir, isToggle: this.#toggle.checked });
    else {
      document.title = 'Talk';
      showGroups(groups, isKnown, (id) => void this.#enter(id));
    }
    showTimeLeft(this.#session.talkLeftMs);
    showScreen(screen);
  }
}
