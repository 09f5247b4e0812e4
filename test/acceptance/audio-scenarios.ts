import { afterAll, beforeAll, describe } from 'vitest';
import { testLimits } from './audio/limits.ts';
import { testPassing } from './audio/passing.ts';
import { AudioScene } from './audio/scene.ts';
import type { Deployment } from './talk/scene.ts';

/** Voice over the WebSocket, whatever stands behind the server (protocol.md "Audio over the WebSocket"). */
export function describeAudio(name: string, deploy: () => Promise<Deployment>): void {
  describe(`audio: ${name}`, () => {
    let deployment: Deployment;
    let scene: AudioScene;

    beforeAll(async () => {
      deployment = await deploy();
      scene = new AudioScene(deployment);
    });
    afterAll(async () => {
      scene.end();
      await deployment.close();
    });

    testPassing(() => scene);
    testLimits(() => scene);
  });
}
