import type { Media } from '../messages.ts';
import type { VoiceOptions, VoiceTransport } from './port.ts';

/** Begins to listen in the way that the server offers. Null where it offers none that this client knows. */
export async function openVoice(media: Media, options: VoiceOptions): Promise<VoiceTransport | null> {
  switch (media.kind) {
    case 'livekit': {
      // A native library: loaded only where it is used.
      const { LivekitVoice } = await import('./livekit-voice.ts');
      return LivekitVoice.join(media, options);
    }
    case 'none':
      return null;
    default:
      return media satisfies never;
  }
}
