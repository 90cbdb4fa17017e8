import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { dashboardActs } from '#test/support/dashboard/acts.ts';
import {
  enter,
  footprint,
  logInByPage,
  newVisitor,
  openBrowser,
  seriousFindings,
  weigh,
} from '#test/support/dashboard/browser.ts';
import { DashboardSession, type Target } from '#test/support/dashboard/client.ts';
import { anHour } from '#test/support/dashboard/hour.ts';
import { passwordsOf, stateOf, targetOf, withOperators } from '#test/support/dashboard/lab.ts';
import { Load } from '#test/support/dashboard/load.ts';
import { type Lab, repository } from '#test/support/lab.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, type PointContext, summary, withLab } from './point.ts';

interface Counts {
  readonly kills: number;
  readonly hourUpdates: number;
  /** Screenshots go to docs/images. */
  readonly isForDocs: boolean;
}

type Context = PointContext<Counts>;

const views = ['map', 'time', 'story', 'sql', 'acts'] as const;
const seenGoalMs = 1_000;
const paintGoalMs = 1_000;
const weightLimitBytes = 250 * 1_024;
const patienceMs = 60_000;

async function show(page: Page, target: Target, view: (typeof views)[number]): Promise<void> {
  await page.goto(`${target.origin}/#${view}`);
  await page
    .getByRole('link', { name: view === 'sql' ? 'SQL' : view, exact: false })
    .first()
    .waitFor();
  const sign = {
    map: 'svg.drawing',
    time: '.chart canvas',
    story: '.epochs li',
    sql: '.statements tbody tr',
    acts: '#act-web',
  };
  await page.locator(sign[view]).first().waitFor({ timeout: patienceMs });
}

/**
 * Runs in the page before anything of it: notes when a frame with the map's first host in it was on its way to the screen,
 * by the page's own clock. Asked from outside, the time that the question takes would be counted as the page's.
 */
const notePaint = `
  const looks = new MutationObserver(() => {
    if (window.mapPaintedMs !== undefined || document.querySelector('svg.drawing .node') === null) return;
    looks.disconnect();
    requestAnimationFrame(() => { window.mapPaintedMs = performance.now(); });
  });
  looks.observe(document, { subtree: true, childList: true });
`;

/** Weight of everything a first visit loads, and when the map stood there. */
async function firstVisit(page: Page, target: Target, { atMost }: Context): Promise<Evidence> {
  const paints: number[] = [];
  let weight = 0;
  await page.addInitScript(`{${notePaint}}`);
  for (let visit = 0; visit < 5; visit += 1) {
    weight = await weigh(page, async () => {
      await page.goto('about:blank');
      await page.goto(`${target.origin}/`);
      // Asked from outside: the page lets nobody evaluate anything within it.
      const painted = () => page.evaluate('window.mapPaintedMs');
      paints.push(Number(await waitFor('the map to be painted', painted, patienceMs, 50)));
      await show(page, target, 'time');
      await show(page, target, 'map');
    });
  }
  const { median } = summary(paints);
  assert.ok(weight <= weightLimitBytes, `a first visit loads ${weight} bytes`);
  assert.ok(median <= atMost(paintGoalMs), `the map stood there after ${median} ms (median)`);
  return { weightKiB: Math.round(weight / 102.4) / 10, mapShownMs: summary(paints) };
}

/** Each view, light and dark, wide and on a phone: nothing serious, and nothing that the page complained of. */
async function accessible(
  browser: Browser,
  target: Target,
  password: string,
  { counts }: Context,
): Promise<Evidence> {
  const directory = join(repository, 'docs/images');
  mkdirSync(directory, { recursive: true });
  const looks = [
    { name: 'light', width: 1_280, height: 860, scheme: 'light' },
    { name: 'dark', width: 1_280, height: 860, scheme: 'dark' },
    { name: 'phone', width: 390, height: 844, scheme: 'light' },
    { name: 'wall', width: 2_560, height: 1_440, scheme: 'dark' },
  ] as const;
  let looked = 0;
  for (const look of looks) {
    const { context, page, complaints } = await newVisitor(browser, look);
    await page.goto(target.origin);
    assert.deepEqual(await seriousFindings(page), [], `login, ${look.name}`);
    await enter(page, target.origin, 'admin', password);
    for (const view of views) {
      await show(page, target, view);
      await sleep(1_500);
      assert.deepEqual(await seriousFindings(page), [], `${view}, ${look.name}`);
      const wide = await tooWide(page);
      assert.deepEqual(wide, [], `${view}, ${look.name}: beyond the window`);
      looked += 1;
      const isKept = counts.isForDocs && (look.name === 'light' || view === 'map');
      const suffix = look.name === 'light' ? '' : `-${look.name}`;
      if (isKept) await page.screenshot({ path: join(directory, `dashboard-${view}${suffix}.png`) });
    }
    assert.deepEqual(complaints, [], look.name);
    await context.close();
  }
  return { viewsLookedAt: looked };
}

/** Elements that reach beyond the window's right edge, but for those that scroll in a box of their own. */
async function tooWide(page: Page): Promise<unknown> {
  return page.evaluate(`
    document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && one.closest('.scroll') === null)
      .map((one) => one.outerHTML.slice(0, 120)).slice(0, 5)
  `);
}

/** By keyboard alone: from the top of the page to a dialog and out of it. */
async function byKeyboard(page: Page, target: Target): Promise<void> {
  await show(page, target, 'acts');
  for (let press = 0; press < 40; press += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate('document.activeElement?.textContent'))?.toString().startsWith('Switch over to'))
      break;
  }
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

interface Change {
  readonly atMs: number;
  readonly text: string;
}

/** Runs in the page: notes each change of the map's words with its time. */
const noteMap = `
  window.mapChanges = [];
  const look = () => {
    const text = document.querySelector('svg.drawing')?.getAttribute('aria-label') ?? '';
    if (text !== window.mapChanges.at(-1)?.text) window.mapChanges.push({ atMs: Date.now(), text });
  };
  new MutationObserver(look).observe(document.body, {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
  look();
`;

interface Decision {
  readonly atMs: number;
  readonly host: string;
}

/** Kills the primary's server and compares when the first agent did something about it with when the map showed it. */
async function killPrimary(lab: Lab, page: Page, session: DashboardSession): Promise<number> {
  const before = await stateOf(session);
  const { primary } = before.database;
  assert.ok(primary !== null);
  await page.evaluate(`{${noteMap}}`);
  const killedMs = Date.now();
  await lab.signalService(primary, 'mariadb', 'SIGKILL');
  const shown = await waitFor(
    'the map to show it',
    async () => {
      const changes = (await page.evaluate('window.mapChanges')) as readonly Change[];
      return changes.find(({ text }) => !text.includes(`database ${primary}: primary`));
    },
    patienceMs,
    20,
  );
  const story = JSON.parse((await session.ask('/api/v1/story')).body) as { steps: Decision[] };
  const noticed = story.steps.find(({ atMs }) => atMs >= killedMs);
  assert.ok(noticed !== undefined, 'no agent did anything');
  // Of the agents: what the page shows is a moment behind, and a primary without a standby is not failed over.
  const successor = await waitFor(
    'another primary, with a standby',
    async () => {
      const { database } = await lab.healthy(120_000);
      return database.primary === primary ? undefined : (database.primary ?? undefined);
    },
    120_000,
    500,
  );
  await waitFor(
    'the map to have it',
    async () => {
      const { database } = await stateOf(session);
      return database.primary === successor && database.failover.possible;
    },
    120_000,
    200,
  );
  return shown.atMs - noticed.atMs;
}

/** The story of the last epoch, as a reader finds it. */
async function story(page: Page, target: Target, session: DashboardSession): Promise<Evidence> {
  const { database } = await stateOf(session);
  await show(page, target, 'story');
  const latest = page.locator('.epochs > li').first();
  await waitFor(
    'the latest epoch in the story',
    async () => (await latest.innerText()).includes(`leads epoch ${database.epoch}`),
    patienceMs,
  );
  const text = await latest.innerText();
  const steps = await latest.locator('.steps li').count();
  assert.match(text, /rule \d+/);
  assert.ok(steps > 0, 'the story has no steps');
  return { epoch: database.epoch, steps, sentence: text.split('\n').find((line) => /rule \d/.test(line)) };
}

/** The new primary is marked on the axis of time, and the shapes of statements say where these went. */
async function marked(page: Page, target: Target, epoch: number): Promise<void> {
  await show(page, target, 'time');
  await page.getByText(`leads epoch ${epoch}`).first().waitFor({ timeout: patienceMs });
  await show(page, target, 'sql');
  await page.locator('.statements ul.went li').first().waitFor({ timeout: patienceMs });
}

/** Who looks on finds every act switched off, and is refused when asking all the same. */
async function onlooker(browser: Browser, target: Target, password: string): Promise<number> {
  const { context, page } = await newVisitor(browser);
  await enter(page, target.origin, 'victor', password);
  await show(page, target, 'acts');
  const buttons = page.locator('main button');
  const count = await buttons.count();
  assert.ok(count >= 6, `${count} buttons`);
  for (let index = 0; index < count; index += 1) assert.ok(await buttons.nth(index).isDisabled());
  await context.close();
  return count;
}

/** The host that serves the page loses its power: the page goes on with the other one, by itself. */
async function servingHostDies(lab: Lab, page: Page, target: Target, { log }: Context): Promise<number> {
  await show(page, target, 'map');
  const servedBy = async () => /Shown by (\S+)/.exec(await page.locator('footer').innerText())?.[1] ?? '';
  const host = await servedBy();
  const startedMs = performance.now();
  await lab.powerOff(host);
  log(`${host} is without power`);
  await waitFor(
    'the page to go on',
    async () => (await servedBy()) !== host && !(await page.locator('.pill-wait').isVisible()),
    patienceMs,
    50,
  );
  return Math.round(performance.now() - startedMs);
}

/** All of it, against a healthy lab whose stack has the operators. */
export async function browse(lab: Lab, browser: Browser, context: Context): Promise<Evidence> {
  const { counts, atMost, log } = context;
  const passwords = await passwordsOf(lab);
  const target = await targetOf(lab);
  const load = new Load(lab);
  try {
    load.start();
    const session = await DashboardSession.login(target, 'admin', passwords.admin);
    const { page } = await newVisitor(browser);
    await logInByPage(page, target.origin, 'admin', 'wrong password');
    await page.getByRole('alert').getByText('Name or password is wrong').waitFor();
    await enter(page, target.origin, 'admin', passwords.admin);
    log('logged in');
    const visit = await firstVisit(page, target, context);
    log(JSON.stringify(visit));
    const looked = await accessible(browser, target, passwords.admin, context);
    await byKeyboard(page, target);
    log('looked at');
    const seenMs: number[] = [];
    for (let kill = 0; kill < counts.kills; kill += 1) {
      await show(page, target, 'map');
      seenMs.push(await killPrimary(lab, page, session));
      log(`kill seen ${seenMs.at(-1)} ms after an agent noticed`);
    }
    assert.ok(Math.max(...seenMs) <= atMost(seenGoalMs), `seen after ${seenMs.join(', ')} ms`);
    const told = await story(page, target, session);
    await marked(page, target, Number(told['epoch']));
    const acts = await dashboardActs(page, target, session, log);
    log('acts done');
    const buttons = await onlooker(browser, target, passwords.victor);
    const hour = await anHour(browser, target, passwords.admin, counts.hourUpdates, footprint);
    log(JSON.stringify(hour));
    const takeoverMs = await servingHostDies(lab, page, target, context);
    return {
      ...visit,
      ...looked,
      killSeenMs: summary(seenMs),
      story: told,
      acts,
      switchedOffForViewers: buttons,
      hour,
      takeoverMs,
    };
  } catch (error) {
    for (const page of browser.contexts().flatMap((one) => one.pages())) {
      const text = await page.evaluate('document.body.innerText.slice(0, 400)').catch(() => '');
      log(`a page at ${page.url()} shows: ${String(text).replaceAll('\n', ' | ')}`);
    }
    throw error;
  } finally {
    await load.stop();
  }
}

export const dashboard: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-1',
  title:
    'The dashboard in a browser: login, map, a kill seen, the story, every act, onlookers, its host killed',
  inSuite: false,
  small: { kills: 1, hourUpdates: 600, isForDocs: false },
  full: { kills: 5, hourUpdates: 3_600, isForDocs: true },
  run: (place, context) =>
    withLab(
      place,
      async (lab) => {
        const browser = await openBrowser();
        try {
          return await browse(lab, browser, context);
        } finally {
          await browser.close();
        }
      },
      (stack) =>
        withOperators({
          ...stack,
          // One kill after the other is no flapping here.
          database: { ...stack.database, failover: { stableAfterMs: 1_000, free: 100, holdMs: 0 } },
        }),
    ),
};
