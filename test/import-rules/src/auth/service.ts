// users-and-auth-stand-below
import { live } from '../realtime/index.ts';

export const service = live;
