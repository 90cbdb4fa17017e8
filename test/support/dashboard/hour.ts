/** An hour with the page open, in a minute: as many updates as an hour has, one after the other. */
import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from '#test/support/wait.ts';
import { enter, newVisitor } from './browser.ts';
import { DashboardSession, type Target } from './client.ts';

interface Footprint {
  readonly heapBytes: number;
  readonly nodes: number;
}

/** What may be more after the hour: caches of the browser's own compiler. */
const allowedGrowthBytes = 1_500_000;
const parts = 6;
const viewChanges = 60;

export async function anHour(
  browser: Browser,
  target: Target,
  password: string,
  updates: number,
  footprint: (page: Page) => Promise<Footprint>,
): Promise<Record<string, number>> {
  const { context, page, complaints } = await newVisitor(browser);
  const session = await DashboardSession.login(target, 'admin', password);
  const state = JSON.parse((await session.ask('/api/v1/state')).body) as Record<string, unknown>;
  let sent = 0;
  let isOver = false;
  await page.route('**/api/v1/events', async (route) => {
    if (isOver) return route.abort();
    const count = Math.ceil(updates / parts);
    const body = Array.from({ length: count }, () => event(state, ++sent)).join('');
    if (sent >= updates) isOver = true;
    await route.fulfill({ status: 200, contentType: 'text/event-stream', body });
  });
  await enter(page, target.origin, 'admin', password);
  await waitFor('the first part', () => sent >= updates / parts, 60_000);
  await page.waitForTimeout(1_000);
  const first = await footprint(page);
  await waitFor('an hour of updates', () => isOver, 300_000);
  await page.waitForTimeout(2_000);
  const shown = await page.locator('svg.drawing').getAttribute('aria-label');
  assert.ok(shown?.includes(`epoch ${sent}`), `the page shows the last of ${sent} updates: ${shown}`);
  const last = await footprint(page);
  const growth = last.heapBytes - first.heapBytes;
  assert.ok(growth <= allowedGrowthBytes, `the heap grew by ${growth} bytes`);
  assert.ok(last.nodes <= first.nodes * 1.2 + 200, `nodes grew from ${first.nodes} to ${last.nodes}`);
  const changed = await throughViews(page, target, footprint);
  assert.deepEqual(complaints, []);
  await context.close();
  return {
    updates: sent,
    heapBefore: first.heapBytes,
    heapAfter: last.heapBytes,
    nodesBefore: first.nodes,
    nodesAfter: last.nodes,
    ...changed,
  };
}

function event(state: Record<string, unknown>, number: number): string {
  const database = { ...(state['database'] as object), epoch: number };
  const note =
    number % 10 === 0
      ? `event: note\nid: 0-${number}\ndata: ${JSON.stringify({ atMs: number, text: `Note ${number}` })}\n\n`
      : '';
  return `${note}event: state\nid: 0-${number}\ndata: ${JSON.stringify({ ...state, atMs: number, database })}\n\n`;
}

/** Views that come and go leave nothing behind. */
async function throughViews(page: Page, target: Target, footprint: (page: Page) => Promise<Footprint>) {
  const round = async () => {
    for (const view of ['time', 'story', 'sql', 'acts', 'map']) {
      await page.goto(`${target.origin}/#${view}`);
      await page.waitForTimeout(150);
    }
  };
  await round();
  await round();
  const before = await footprint(page);
  for (let change = 0; change < viewChanges / 5; change += 1) await round();
  const after = await footprint(page);
  assert.ok(
    after.heapBytes - before.heapBytes <= allowedGrowthBytes,
    `views left ${after.heapBytes - before.heapBytes} bytes`,
  );
  return { viewChanges, heapBeforeViews: before.heapBytes, heapAfterViews: after.heapBytes };
}
