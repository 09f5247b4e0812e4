import { afterAll, beforeAll, describe } from 'vitest';
import { testConnections } from './talk/connections.ts';
import { testRights } from './talk/rights.ts';
import { type Deployment, TalkScene } from './talk/scene.ts';
import { testTalking } from './talk/talking.ts';

export { newGroup, signIn } from './talk/scene.ts';

/** What every start of the server must do, whatever live store stands behind it (protocol.md, floor.md). */
export function describeTalk(name: string, deploy: () => Promise<Deployment>): void {
  describe(`a talk: ${name}`, () => {
    let deployment: Deployment;
    let scene: TalkScene;

    beforeAll(async () => {
      deployment = await deploy();
      scene = new TalkScene(deployment);
    });
    afterAll(async () => {
      scene.end();
      await deployment.close();
    });

    testTalking(() => scene);
    testConnections(() => scene);
    testRights(() => scene);
  });
}
