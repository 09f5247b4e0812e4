import type { SocketEvents, SocketPort, Surroundings } from './link/ports.ts';

/** The browser's own socket, clock and chance behind the ports. */

export function openSocket(events: SocketEvents): SocketPort {
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url, 'neda.v1');
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => events.onOpen());
  socket.addEventListener('close', ({ code }) => events.onClose(code));
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'string') events.onText(data);
    else if (data instanceof ArrayBuffer) events.onBytes(new Uint8Array(data));
  });
  return {
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    close: () => socket.close(),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
  };
}

export const surroundings: Surroundings = {
  nowMs: () => performance.now(),
  after: (delayMs, then) => {
    const timer = setTimeout(then, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
