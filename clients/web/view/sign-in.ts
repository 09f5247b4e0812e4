import type { SignInWay } from '../texts.ts';
import { byId, setText } from './dom.ts';

export type SignInAttempt =
  | { readonly way: 'password'; readonly username: string; readonly password: string }
  | { readonly way: 'code'; readonly code: string };

/** The form that everything begins with. */
export class SignInView {
  readonly #form = byId('sign-in-form', HTMLFormElement);
  readonly #fault = byId('sign-in-fault', HTMLParagraphElement);
  readonly #button = byId('sign-in-button', HTMLButtonElement);
  readonly #username = byId('username', HTMLInputElement);
  readonly #password = byId('password', HTMLInputElement);
  readonly #code = byId('code', HTMLInputElement);

  constructor(onSubmit: (attempt: SignInAttempt) => Promise<void>) {
    for (const radio of this.#form.querySelectorAll<HTMLInputElement>('input[name=way]')) {
      radio.addEventListener('change', () => this.#showFields());
    }
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit(onSubmit);
    });
  }

  say(text: string): void {
    setText(this.#fault, text);
  }

  /** Nothing of a sign-in stays in the page. */
  clear(): void {
    this.#password.value = '';
    this.#code.value = '';
  }

  async #submit(onSubmit: (attempt: SignInAttempt) => Promise<void>): Promise<void> {
    if (this.#button.disabled) return;
    this.say('');
    const attempt = this.#attempt();
    if (attempt === null) return;
    this.#button.disabled = true;
    try {
      await onSubmit(attempt);
    } finally {
      this.#button.disabled = false;
    }
  }

  #attempt(): SignInAttempt | null {
    const isCode = this.#way() === 'code';
    const needed = isCode ? [this.#code] : [this.#username, this.#password];
    const empty = needed.find(({ value }) => value.trim() === '');
    for (const input of needed) input.setAttribute('aria-invalid', String(input === empty));
    if (empty !== undefined) {
      this.say(isCode ? 'Enter the pairing code.' : 'Enter your user name and your password.');
      empty.focus();
      return null;
    }
    return isCode
      ? { way: 'code', code: this.#code.value.trim() }
      : { way: 'password', username: this.#username.value.trim(), password: this.#password.value };
  }

  #way(): SignInWay {
    return new FormData(this.#form).get('way') === 'code' ? 'code' : 'password';
  }

  #showFields(): void {
    const way = this.#way();
    byId('password-fields', HTMLDivElement).hidden = way !== 'password';
    byId('code-fields', HTMLDivElement).hidden = way !== 'code';
    this.say('');
  }
}
