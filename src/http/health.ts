import { z } from 'zod';
import type { HttpServer } from './server.ts';

const dependencyStatus = z.enum(['ok', 'down', 'off']);
type DependencyStatus = z.infer<typeof dependencyStatus>;
type DependencyName = 'postgres' | 'redis' | 'livekit';

const healthReport = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']),
    version: z.string().meta({ examples: ['1.4.0'] }),
    dependencies: z.record(z.string(), z.object({ status: dependencyStatus })).meta({
      examples: [{ postgres: { status: 'ok' }, redis: { status: 'ok' }, livekit: { status: 'off' } }],
    }),
  })
  .meta({ id: 'Health', description: 'How the process and what it depends on are' });
type HealthReport = z.infer<typeof healthReport>;

/** Asks one dependency. Throwing and taking longer than a second count as `down`; `off` is not configured. */
type HealthProbe = () => Promise<DependencyStatus>;

/** How the process and what it depends on are, from probes that their owners register. */
export interface Health {
  register(name: DependencyName, probe: HealthProbe): void;
  /** Whether talks can be granted. `/readyz` answers 200 when every check says so. */
  registerReadiness(check: () => boolean | Promise<boolean>): void;
  /** From now on the process is ready when its checks say so; `false` while it stops. */
  setStarted(isStarted: boolean): void;
  /** `down` when talks cannot be granted; `degraded` when something else is away. */
  report(): Promise<HealthReport>;
  isReady(): Promise<boolean>;
}

const probeLimitMs = 1_000;
const names: readonly DependencyName[] = ['postgres', 'redis', 'livekit'];

/** A dependency without a probe is `off`. */
export function createHealth(version: string): Health {
  const probes = new Map<DependencyName, HealthProbe>();
  const checks: Array<() => boolean | Promise<boolean>> = [];
  let isStarted = false;

  async function statusOf(name: DependencyName): Promise<DependencyStatus> {
    const probe = probes.get(name);
    return probe === undefined ? 'off' : within(probe(), 'down');
  }

  async function isReady(): Promise<boolean> {
    if (!isStarted || (await statusOf('redis')) === 'down') return false;
    const answers = await Promise.all(checks.map((check) => within(Promise.resolve().then(check), false)));
    return answers.every(Boolean);
  }

  return {
    register: (name, probe) => {
      probes.set(name, probe);
    },
    registerReadiness: (check) => {
      checks.push(check);
    },
    setStarted: (value) => {
      isStarted = value;
    },
    isReady,
    report: async () => {
      const [ready, ...statuses] = await Promise.all([isReady(), ...names.map(statusOf)]);
      const status = !ready ? 'down' : statuses.includes('down') ? 'degraded' : 'ok';
      const dependencies = Object.fromEntries(names.map((name, index) => [name, { status: statuses[index] ?? 'off' }]));
      return { status, version, dependencies };
    },
  };
}

async function within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), probeLimitMs);
  });
  try {
    return await Promise.race([answer, limit]);
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}

const liveness = z.object({ status: z.enum(['ok', 'down']) });
const down = liveness.meta({ examples: [{ status: 'down' }], description: 'Talks cannot be granted' });
const access = { access: 'public' } as const;

export function registerHealthRoutes(server: HttpServer, health: Health): void {
  server.get(
    '/livez',
    { config: access, schema: { tags: ['operations'], summary: 'The process answers', response: { 200: liveness } } },
    async () => ({ status: 'ok' as const }),
  );
  server.get(
    '/readyz',
    {
      config: access,
      schema: { tags: ['operations'], summary: 'Talks can be granted', response: { 200: liveness, 503: down } },
    },
    async (_request, reply) => {
      if (await health.isReady()) return { status: 'ok' as const };
      return reply.code(503).send({ status: 'down' });
    },
  );
  server.get(
    '/health',
    {
      config: access,
      schema: {
        tags: ['operations'],
        summary: 'The process and what it depends on',
        response: { 200: healthReport, 503: healthReport },
      },
    },
    async (_request, reply) => {
      const report = await health.report();
      return reply.code(report.status === 'down' ? 503 : 200).send(report);
    },
  );
}
