// floor-imports-nothing
import 'node:crypto';

export const name = 'machine';
