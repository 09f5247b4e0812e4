import type { BrowserContext } from 'playwright-core';
import { comeLate, isLate, Late } from './late.ts';

/** Holds back what the pages of a browser's context get from servers, as `TEST_LATE_MS` says. */
export async function holdBack(context: BrowserContext): Promise<void> {
  if (!isLate) return;
  await context.route('**/*', async (route) => {
    await comeLate();
    await route.continue();
  });
  await context.routeWebSocket(/\/ws$/, (page) => {
    const inOrder = new Late();
    const server = page.connectToServer();
    server.onMessage((message) => inOrder.happen(() => page.send(message)));
    server.onClose((code, reason) => {
      inOrder.happen(() => {
        void page.close({ ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) });
      });
    });
  });
}
