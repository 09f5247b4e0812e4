// source-imports-source, source-imports-declared-dependencies
import { test } from 'vitest';
import { support } from '../../test/_support/server.ts';

export const service = [support, test];
