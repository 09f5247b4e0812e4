// commands-are-the-outermost
import { entry } from '../main.ts';

export const serve = entry;
