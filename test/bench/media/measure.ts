import { writeFile } from 'node:fs/promises';
import { disposeLivekit } from '../../../clients/headless/voice/livekit-voice.ts';
import { describeMachine } from '../machine.ts';
import { accessRounds } from './access-rounds.ts';
import { type MediaDeployment, startMediaDeployment } from './deployment.ts';
import { kpis } from './kpis.ts';
import type { MediaBenchOptions, Part } from './options.ts';
import { pageRounds } from './page-rounds.ts';
import { type MediaBenchResult, reportText } from './report.ts';
import { type KpiResult, kpiResult } from './samples.ts';
import { bareSide, nedaSide } from './side.ts';
import { voiceRounds } from './voice-rounds.ts';

const BARE_ROOM = 'bare.voice';

/** Starts all that is needed, measures, prints the result, and stops what it started. */
export async function measure(options: MediaBenchOptions): Promise<void> {
  await using deployment = await startMediaDeployment();
  const machine = describeMachine({ redis: deployment.redisVersion, postgres: null });
  const results: KpiResult[] = [];
  for (const part of options.parts) {
    process.stderr.write(`measuring ${part}\n`);
    results.push(...(await measurePart(part, deployment, options)));
  }
  await disposeLivekit();
  const { short, rounds } = options;
  const result: MediaBenchResult = { machine, short, rounds, kpis: results };
  process.stdout.write(reportText(result));
  if (options.jsonFile !== null) await writeFile(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`);
}

async function measurePart(
  part: Part,
  { livekit, origins }: MediaDeployment,
  { rounds, pressesPerRound }: MediaBenchOptions,
): Promise<KpiResult[]> {
  switch (part) {
    case 'access':
      return [kpiResult(kpis.access, await accessRounds(livekit, origins, { rounds, pressesPerRound }))];
    case 'voice': {
      const sides = [await nedaSide(origins.withMedia), await bareSide(livekit, BARE_ROOM)];
      const measured = await voiceRounds(sides, rounds);
      return (['firstSound', 'mouthToEar', 'lateEntry', 'silence'] as const).map((kpi) =>
        kpiResult(kpis[kpi], measured[kpi]),
      );
    }
    case 'pages':
      return [kpiResult(kpis.pages, await pageRounds(origins.withoutMedia, rounds))];
    default:
      return part satisfies never;
  }
}
