/** Every act, by the page's own buttons and dialogs, each held against what the stack then is. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { waitFor } from '#test/support/wait.ts';
import type { DashboardSession, Target } from './client.ts';
import { type StateView, stateOf } from './lab.ts';

const patienceMs = 120_000;

class Operator {
  readonly #page: Page;
  readonly #session: DashboardSession;
  readonly done: string[] = [];
  readonly #log: (line: string) => void;

  constructor(page: Page, session: DashboardSession, log: (line: string) => void) {
    this.#page = page;
    this.#session = session;
    this.#log = log;
  }

  state(): Promise<StateView> {
    return stateOf(this.#session);
  }

  /** Clicks, confirms, and reads what came of it. */
  async act(button: string | RegExp, confirm: string): Promise<string> {
    const page = this.#page;
    await page
      .getByRole('button', { name: button, exact: typeof button === 'string' })
      .first()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: confirm, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    const outcome = await page.locator('.outcome').innerText();
    this.#log(`${button}: ${outcome}`);
    this.done.push(outcome);
    return outcome;
  }

  async good(button: string | RegExp, confirm: string): Promise<void> {
    const outcome = await this.act(button, confirm);
    assert.ok(outcome.startsWith('✓'), outcome);
  }

  until(what: string, holds: (state: StateView) => boolean): Promise<unknown> {
    return waitFor(what, async () => holds(await this.state()), patienceMs, 200);
  }
}

const webOf = (state: StateView, host: string) => state.web.find((one) => one.host === host);
const hostOf = (state: StateView, name: string) => state.hosts.find((one) => one.name === name);

/** Answers with what each act was answered. Leaves the stack as it was, but for who leads. */
export async function dashboardActs(
  page: Page,
  target: Target,
  session: DashboardSession,
  log: (line: string) => void,
): Promise<readonly string[]> {
  await page.goto(`${target.origin}/#acts`);
  await page.locator('#act-web').waitFor();
  const operator = new Operator(page, session, log);
  await databaseActs(operator);
  await webActs(page, operator);
  await blocklistActs(page, session, operator);
  await faultActs(page, operator);
  const { acts } = JSON.parse((await session.ask('/api/v1/acts')).body) as {
    acts: { who: string; act: string }[];
  };
  const recorded = new Set(acts.filter(({ who }) => who === 'admin').map(({ act }) => act));
  assert.deepEqual([...recorded].sort(), [
    'block',
    'fault',
    'maintenance',
    'switchover',
    'traffic',
    'unblock',
  ]);
  return operator.done;
}

async function databaseActs(operator: Operator): Promise<void> {
  const { database } = await operator.state();
  const next = database.members.find(({ host }) => host !== database.primary)?.host ?? '';
  await operator.good(`Switch over to ${next}`, 'Switch over');
  await operator.until(
    `${next} leads`,
    (state) => state.database.primary === next && state.database.failover.possible,
  );
  await operator.good('Begin maintenance', 'Begin maintenance');
  await operator.until('maintenance', (state) => state.database.maintenance !== null);
  const refused = await operator.act(/^Switch over to/, 'Switch over');
  assert.match(refused, /✕ .*Maintenance is on/);
  await operator.good('End maintenance', 'End maintenance');
  await operator.until('no maintenance', (state) => state.database.maintenance === null);
}

async function webActs(page: Page, operator: Operator): Promise<void> {
  await operator.good('Drain server-2', 'Drain');
  await operator.until('server-2 drained', (state) => webOf(state, 'server-2')?.state === 'draining');
  const refused = await operator.act('Drain server-1', 'Drain');
  assert.match(refused, /✕ .*last one/);
  await operator.good('Undrain server-2', 'Undrain');
  await operator.until('server-2 up', (state) => webOf(state, 'server-2')?.state === 'up');
  const row = page
    .locator('li', { hasText: 'server-2' })
    .filter({ has: page.getByLabel('Weight of server-2') });
  for (const [weight, wanted] of [
    ['7', 7],
    ['1', 1],
  ] as const) {
    await row.getByLabel('Weight of server-2').fill(weight);
    await operator.good('Change the weight of server-2', 'Change weight');
    await operator.until(`weight ${weight}`, (state) => webOf(state, 'server-2')?.weight === wanted);
  }
}

async function blocklistActs(page: Page, session: DashboardSession, operator: Operator): Promise<void> {
  const blocked = async () => {
    const { entries } = JSON.parse((await session.ask('/api/v1/blocklist')).body) as {
      entries: { address: string }[];
    };
    return entries.map(({ address }) => address);
  };
  await page.getByLabel('Address or network').fill('203.0.113.77');
  await page.getByLabel('Reason').fill('tried by a test');
  await operator.good('Block', 'Block');
  await waitFor('the entry', async () => (await blocked()).includes('203.0.113.77'), patienceMs);
  await operator.good('Unblock 203.0.113.77', 'Unblock');
  await waitFor('no entry', async () => !(await blocked()).includes('203.0.113.77'), patienceMs);
  await page.getByLabel('Address or network').fill('10.0.0.1; rm -rf /');
  const refused = await operator.act('Block', 'Block');
  assert.match(refused, /✕ .*should be an address/);
}

async function faultActs(page: Page, operator: Operator): Promise<void> {
  const choose = async (host: string, service: string) => {
    await page.getByLabel(/^Host/).selectOption(host);
    await page.getByLabel(/^Service/).selectOption(service);
  };
  const nginx = (state: StateView) =>
    hostOf(state, 'server-2')?.services.find(({ name }) => name === 'nginx');
  const before = nginx(await operator.state());
  await choose('server-2', 'nginx');
  await operator.good('Kill', 'Kill');
  await operator.until('nginx again', (state) => {
    const now = nginx(state);
    return now?.state === 'running' && now.sinceMs > (before?.sinceMs ?? 0);
  });
  await choose('server-2', 'app-1');
  await operator.good('Freeze', 'Freeze');
  await operator.until(
    'app-1 frozen',
    (state) => hostOf(state, 'server-2')?.faults.some(({ service }) => service === 'app-1') === true,
  );
  await operator.good('Heal', 'Heal');
  await operator.until('nothing frozen', (state) => hostOf(state, 'server-2')?.faults.length === 0);
  await page.getByLabel(/^Host/).selectOption('server-2');
  await operator.good('Cut off', 'Cut off');
  await operator.until('server-2 cut off', (state) => hostOf(state, 'server-2')?.reachable === false);
  await operator.until(
    'server-2 back',
    // Not `healthy`: a host that was cut off while it led may have something to say about what it took out.
    ({ database, ...state }) =>
      hostOf({ database, ...state }, 'server-2')?.reachable === true &&
      database.primary !== null &&
      database.failover.possible,
  );
}
