/** Chromium without a window, driven by Playwright: Debian's own browser, no download. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { needPackages } from '../packages.ts';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export async function openBrowser(): Promise<Browser> {
  await needPackages('chromium', 'fonts-dejavu-core');
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
}

export interface Looks {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

/** A browser of somebody's own: cookies and storage are this one's. Complaints of the page are collected. */
export async function newVisitor(
  browser: Browser,
  looks: Looks = { width: 1_280, height: 860, scheme: 'light' },
): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    // The stack's own authority, which this browser has not been told of; API tests check the certificate.
    ignoreHTTPSErrors: true,
    viewport: { width: looks.width, height: looks.height },
    colorScheme: looks.scheme,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Requests that fail are reported as errors too; those are looked at where they matter.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      complaints.push(message.text());
  });
  return { context, page, complaints };
}

export async function logInByPage(page: Page, url: string, name: string, password: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Logs in, and waits until the map stands there. */
export async function enter(page: Page, url: string, name: string, password: string): Promise<void> {
  await logInByPage(page, url, name, password);
  await page.locator('svg.drawing .node').first().waitFor();
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe-core finds that is serious or worse, as sentences. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(await readFile(path, 'utf8'));
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Violation[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help} (${nodes.length}): ${nodes[0]?.html.slice(0, 160)}`);
}

/** JavaScript's heap after a collection, and the nodes of the document. */
export async function footprint(page: Page): Promise<{ readonly heapBytes: number; readonly nodes: number }> {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    return { heapBytes: usedSize, nodes };
  } finally {
    await session.detach();
  }
}

/** Runs `work` and counts the bytes that came over the network meanwhile, compressed and with their heads. */
export async function weigh(page: Page, work: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  try {
    await work();
  } finally {
    await session.detach();
  }
  return bytes;
}
