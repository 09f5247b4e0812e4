import { Socket } from 'node:net';

/** What the driver gives to whoever makes its sockets. */
interface Address {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | undefined;
}

/** Turns of the loop without a write after which nobody speaks to a lost connection any more. */
const QUIET_TURNS = 3;

/**
 * Opens a socket whose loss the driver survives. When a connection ends under a transaction, postgres 3.4 forgets its
 * socket first and then sends ROLLBACK to it, from a timer of its own: an error that nobody can catch, which would stop
 * the process. Here the driver hears of the loss as an error first, which rejects what was asked. What it still writes
 * is rejected too, and the end of the socket comes when nothing more is written.
 * With TLS, the driver puts a socket of its own around this one.
 */
export function openPostgresSocket({ host, port, path }: Address): Socket {
  const socket = new Socket();
  const emit = socket.emit.bind(socket);
  const write = socket.write.bind(socket);
  let lost: Error | null = null;
  let quietTurns = 0;

  function tellLoss(): void {
    // Under TLS nobody listens here: the driver's own socket around this one tells it.
    if (lost !== null && socket.listenerCount('error') > 0) emit('error', lost);
  }

  function endWhenQuiet(hadError: boolean): void {
    quietTurns += 1;
    if (quietTurns > QUIET_TURNS) emit('close', hadError);
    // A turn of the loop: what the driver writes goes out in its immediates, and several timers may ring at once.
    else setImmediate(() => setTimeout(endWhenQuiet, 0, hadError));
  }

  socket.emit = (event: string | symbol, ...details: unknown[]): boolean => {
    if (event !== 'close') return emit(event, ...details);
    lost = Object.assign(new Error('the connection to PostgreSQL was lost'), { code: 'ECONNRESET' });
    tellLoss();
    endWhenQuiet(details[0] === true);
    return true;
  };
  function writeOrRefuse(...chunk: unknown[]): boolean {
    if (lost === null) return Reflect.apply(write, socket, chunk) === true;
    quietTurns = 0;
    process.nextTick(tellLoss);
    return false;
  }
  // Node puts another function here when the other side has ended: that one would tell nobody.
  Object.defineProperty(socket, 'write', {
    get: () => writeOrRefuse,
    set() {
      // it stays
    },
  });
  if (path) socket.connect(path);
  else socket.connect(port[0] ?? 5432, host[0] ?? 'localhost');
  return socket;
}
