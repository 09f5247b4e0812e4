import { z } from 'zod';
import type { DomainEvent } from '../gateway/index.ts';

/** Somebody is called otherwise now. */
export interface Renaming {
  readonly userId: string;
  readonly displayName: string;
}

const payloadSchema = z.object({ userId: z.string(), displayName: z.string() });

/** Null for changes of anything else. */
export function renamingOf({ type, payload }: DomainEvent): Renaming | null {
  const parsed = type === 'user.updated' ? payloadSchema.safeParse(payload) : null;
  return parsed?.data ?? null;
}
