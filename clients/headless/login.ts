import { z } from 'zod';

const LIMIT_MS = 10_000;

const tokens = z.object({
  accessToken: z.string(),
  session: z.object({ id: z.string() }),
  user: z.object({ id: z.string(), username: z.string(), displayName: z.string() }),
});
export type Login = z.infer<typeof tokens>;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const problem = z.object({ code: z.string(), detail: z.string() });

/** Signs in by `POST /auth/login` as a device of kind `other`. Throws with the server's code when it refuses. */
export async function login(origin: string, { username, password }: Credentials): Promise<Login> {
  const answer = await fetch(new URL('/api/v1/auth/login', origin), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password, device: { name: 'headless client', kind: 'other' } }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const body: unknown = await answer.json();
  if (answer.ok) return tokens.parse(body);
  const refusal = problem.safeParse(body);
  const reason = refusal.success ? `${refusal.data.code}: ${refusal.data.detail}` : `status ${answer.status}`;
  throw new Error(`${username} cannot sign in at ${origin}: ${reason}`);
}
