export interface HoldHandlers {
  readonly press: () => void;
  readonly letGo: () => void;
  /** Does one press begin and the next end, instead of holding? */
  readonly isToggle: () => boolean;
  /** May keys be taken now? */
  readonly isShown: () => boolean;
}

const OTHER_CONTROLS = 'a, button, input, select, textarea, summary, [contenteditable]';

/**
 * Everything that a press can come from: pointer, space bar, Enter on the button, and assistive programs, which click.
 * Whatever takes the attention away from the page lets go, so that no microphone stays open unseen.
 */
export function listenForHold(button: HTMLButtonElement, handlers: HoldHandlers): void {
  let isDown = false;

  function down(): void {
    if (isDown && handlers.isToggle()) return up();
    if (isDown) return;
    isDown = true;
    handlers.press();
  }

  function up(): void {
    if (!isDown) return;
    isDown = false;
    handlers.letGo();
  }

  function upUnlessToggle(): void {
    if (!handlers.isToggle()) up();
  }

  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    button.setPointerCapture(event.pointerId);
    down();
  });
  for (const type of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    button.addEventListener(type, upUnlessToggle);
  }
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  // A click that no pointer made comes from an assistive program, which cannot hold: one click begins, the next ends.
  button.addEventListener('click', (event) => {
    if (event.detail !== 0) return;
    if (isDown) up();
    else down();
  });

  document.addEventListener('keydown', (event) => {
    if (!isTalkKey(event)) return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  document.addEventListener('keyup', (event) => {
    if (!isTalkKey(event)) return;
    event.preventDefault();
    upUnlessToggle();
  });
  window.addEventListener('blur', up);
  window.addEventListener('pagehide', up);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') up();
  });

  function isTalkKey(event: KeyboardEvent): boolean {
    if (!handlers.isShown() || event.ctrlKey || event.altKey || event.metaKey) return false;
    const { target } = event;
    if (target === button) return event.key === ' ' || event.key === 'Enter';
    // Whoever holds the key and moves on must still be able to let go.
    if (event.type === 'keyup' && event.key === ' ' && isDown) return true;
    return event.key === ' ' && !(target instanceof Element && target.matches(OTHER_CONTROLS));
  }
}
