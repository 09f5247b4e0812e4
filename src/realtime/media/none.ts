import type { MediaServer } from './port.ts';

/** No media server is configured: there is no right to give, so nothing stands between a request and its grant. */
export function noMediaServer(): MediaServer {
  return {
    kind: 'none',
    allowSpeaking: async () => 'absent',
    withdrawSpeaking: async () => undefined,
    assertRight: async () => undefined,
    dismiss: async () => undefined,
    listenDescription: async () => ({ kind: 'none' }),
    publishDescription: async () => ({ kind: 'none' }),
    health: async () => 'off',
    close: async () => undefined,
  };
}
