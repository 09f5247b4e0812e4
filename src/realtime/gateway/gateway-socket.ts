import { type RawData, WebSocket } from 'ws';

/** Who is told what comes through a socket: the handshake first, then the connection. */
export interface FrameReceiver {
  /** A whole text message, checked to be UTF-8 and not too large. */
  onText(data: Buffer): void;
  onBinary(data: Buffer): void;
  /** A protocol ping, to be answered here: `ws` would answer without a limit. */
  onPing(payload: Buffer): void;
  onPong(): void;
  /** `bad_frame`: what came is no WebSocket, or broke a limit of `ws`, which closes by itself. */
  onEnd(how: 'peer' | 'bad_frame'): void;
}

/** A server's socket that knows whom to tell, so that no socket needs listeners of its own. */
export class GatewaySocket extends WebSocket {
  receiver: FrameReceiver | null = null;
  /** Where the socket stands until it is closed. */
  list: Set<GatewaySocket> | null = null;
}

/** Attaches the listeners, the same functions for every socket. To be called before anything is read. */
export function listenTo(socket: GatewaySocket, receiver: FrameReceiver, list: Set<GatewaySocket>): void {
  socket.receiver = receiver;
  socket.list = list.add(socket);
  socket.on('message', onMessage);
  socket.on('ping', onPing);
  socket.on('pong', onPong);
  socket.on('error', onError);
  socket.on('close', onClose);
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (!(this instanceof GatewaySocket) || !Buffer.isBuffer(data)) return;
  if (isBinary) this.receiver?.onBinary(data);
  else this.receiver?.onText(data);
}

function onPing(this: WebSocket, payload: Buffer): void {
  if (this instanceof GatewaySocket) this.receiver?.onPing(payload);
}

function onPong(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.receiver?.onPong();
}

function onError(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.receiver?.onEnd('bad_frame');
}

function onClose(this: WebSocket): void {
  if (!(this instanceof GatewaySocket)) return;
  this.list?.delete(this);
  this.receiver?.onEnd('peer');
  this.receiver = null;
}
