// livekit-stays-in-media
import { AccessToken } from 'livekit-server-sdk';

export const sockets = [AccessToken];
