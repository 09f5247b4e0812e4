// adapters-know-port-and-vendor
import { sockets } from '../gateway/sockets.ts';

export const adapter = sockets;
