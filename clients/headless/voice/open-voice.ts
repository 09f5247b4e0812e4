import type { Media } from '../messages.ts';
import type { SocketVoiceOptions, VoiceTransport } from './port.ts';

let disposeLoaded: (() => Promise<void>) | undefined;

/** Begins to listen in the way that the server offers. Null where it offers none that this client knows. */
export async function openVoice(media: Media, options: SocketVoiceOptions): Promise<VoiceTransport | null> {
  switch (media.kind) {
    case 'livekit': {
      // A native library: loaded only where it is used.
      const { disposeLivekit, LivekitVoice } = await import('./livekit-voice.ts');
      disposeLoaded = disposeLivekit;
      return LivekitVoice.join(media, options);
    }
    case 'relay': {
      // A native library as well.
      const { RelayVoice } = await import('./relay-voice.ts');
      return new RelayVoice(options);
    }
    case 'none':
      return null;
    default:
      return media satisfies never;
  }
}

/** Ends the threads of the libraries that voices have loaded; to be called once, when all voices are closed. */
export async function disposeVoices(): Promise<void> {
  await disposeLoaded?.();
}
