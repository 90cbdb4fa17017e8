/** Provokes causes in a lab, and sees to it that receivers are told of what fires, and of its end. */
import type { Lab } from '#test/support/lab.ts';
import type { Mailbox } from '#test/support/mailbox.ts';
import { Prometheus } from '#test/support/monitoring.ts';
import { waitFor } from '#test/support/wait.ts';
import type { Period, ToldAlert, WebhookReceiver } from '#test/support/webhook.ts';
import { type Cause, type Expected, groups, type World } from './cause.ts';

/** From the cause to the receivers: an alert's own time, and how seldom Alertmanager speaks; the rest is for a busy machine. */
const firesWithinMs = 12 * 60_000;
/** The window of CrashLoop, the longest, is ten minutes. */
const resolvesWithinMs = 15 * 60_000;
const settlesWithinMs = 15 * 60_000;

/** A cause that was told of. Seconds are from the cause, and from its end, until all receivers had been told. */
export interface Told {
  readonly what: string;
  readonly alerts: readonly string[];
  readonly summaries: readonly (string | undefined)[];
  readonly firedAfter: number;
  readonly resolvedAfter: number;
}

export interface Outcome {
  readonly told: readonly Told[];
  /** When the two Alertmanagers could not talk to each other. */
  readonly apart: readonly Period[];
  readonly failures: readonly string[];
}

export class Provoker {
  readonly #world: World;
  readonly #main: WebhookReceiver;
  readonly #mailbox: Mailbox;
  readonly #log: (line: string) => void;
  readonly #told: Told[] = [];
  readonly #failures: string[] = [];
  readonly #apart: Period[] = [];

  constructor(world: World, main: WebhookReceiver, mailbox: Mailbox, log: (line: string) => void) {
    this.#world = world;
    this.#main = main;
    this.#mailbox = mailbox;
    this.#log = log;
  }

  async run(wanted: readonly Cause[]): Promise<Outcome> {
    const of = (group: Cause['group']) => wanted.filter((cause) => cause.group === group);
    const aside = Promise.all(of('aside').map((cause) => this.#provoke(cause)));
    let isFirst = true;
    for (const group of groups) {
      const causes = of(group);
      if (causes.length === 0) continue;
      // The last ones hide all others.
      if (group === 'blind' || group === 'maintenance') await aside;
      // Those aside have only just begun, and one of them is not healthy yet.
      if (!isFirst) await this.#settle(causes);
      isFirst = false;
      await this.#together(causes);
    }
    await aside;
    return { told: this.#told, failures: this.#failures, apart: this.#apart };
  }

  async #together(causes: readonly Cause[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const cause of causes) {
      // One after the other until they are there: some use Tandem's own commands, which exclude one another.
      await new Promise<void>((isThere) => {
        waits.push(this.#provoke(cause, isThere));
      });
    }
    await Promise.all(waits);
  }

  async #provoke(cause: Cause, isThere: () => void = () => undefined): Promise<void> {
    try {
      const told = await this.#follow(cause, isThere);
      this.#told.push(told);
      const names = told.alerts.join(', ');
      this.#log(`${names}: told after ${told.firedAfter} s, resolved after ${told.resolvedAfter} s`);
    } catch (error) {
      const failure = `${cause.what}: ${(error as Error).message}`;
      this.#failures.push(failure);
      this.#log(failure);
    } finally {
      isThere();
    }
  }

  async #follow(cause: Cause, isThere: () => void): Promise<Told> {
    const { what, alerts } = cause;
    const startedMs = Date.now();
    const heal = await cause.provoke(this.#world);
    isThere();
    let [firedAfter, healedMs] = [0, 0];
    try {
      await this.#wait(alerts, 'firing', startedMs, firesWithinMs);
      firedAfter = secondsSince(startedMs);
    } finally {
      healedMs = Date.now();
      await heal();
    }
    await this.#wait(alerts, 'resolved', healedMs, resolvesWithinMs);
    if (cause.separates) this.#apart.push({ fromMs: startedMs, toMs: Date.now() });
    return {
      what,
      alerts: alerts.map(({ name }) => name),
      summaries: alerts.map((alert) => this.#toldOf(alert, 'firing', startedMs)[0]?.annotations['summary']),
      firedAfter,
      resolvedAfter: secondsSince(healedMs),
    };
  }

  async #wait(
    alerts: readonly Expected[],
    status: ToldAlert['status'],
    sinceMs: number,
    timeoutMs: number,
  ): Promise<void> {
    const missing = () =>
      alerts.flatMap((alert) => [
        ...(this.#toldOf(alert, status, sinceMs).length > 0 ? [] : [`${alert.name} at the webhook`]),
        ...(this.#mailbox.told(alert.name, status, sinceMs).length > 0 ? [] : [`${alert.name} by mail`]),
      ]);
    const isTold = async () => {
      const left = missing();
      if (left.length > 0) throw new Error(`not told: ${left.join(', ')}`);
      return true;
    };
    await waitFor(`${alerts.map(({ name }) => name).join(', ')} ${status}`, isTold, timeoutMs, 500);
  }

  /** A cause, or a busy machine, may have made the database fail over, and what nobody acknowledged alerts until an operator takes it. */
  async #putSavedAway(): Promise<void> {
    const directory = '/var/lib/tandem/mariadb/errant';
    for (const { name, roles } of (await this.#world.lab.status()).hosts) {
      if (!roles.includes('database')) continue;
      const script = `ls ${directory} 2>/dev/null && rm -f ${directory}/*`;
      const { stdout } = await this.#world.lab.exec(name, 'sh', '-c', script);
      if (stdout.trim() !== '') this.#log(`${name} had saved ${stdout.trim().split('\n').join(', ')}`);
    }
  }

  #toldOf({ name, instance }: Expected, status: ToldAlert['status'], sinceMs: number): readonly ToldAlert[] {
    const all = this.#main.told(name, status, sinceMs);
    return instance === undefined ? all : all.filter(({ labels }) => labels['instance'] === instance);
  }

  /** Healthy, and nothing of what is expected next is there already: left behind by another cause it would prove nothing. */
  async #settle(next: readonly Cause[]): Promise<void> {
    const names = new Set(next.flatMap(({ alerts }) => alerts.map(({ name }) => name)));
    try {
      await this.#putSavedAway();
      await settled(this.#world.lab, (name) => names.has(name));
    } catch (error) {
      this.#failures.push(`before ${[...names].join(', ')}: ${(error as Error).message}`);
      this.#log(this.#failures.at(-1) ?? '');
    }
  }
}

function secondsSince(sinceMs: number): number {
  return Math.round((Date.now() - sinceMs) / 1_000);
}

/** Healthy, and no alert (that `counts`) is pending or fires. */
export async function settled(lab: Lab, counts: (name: string) => boolean = () => true): Promise<void> {
  await lab.healthy(settlesWithinMs);
  const watchers = await Promise.all(['lb-1', 'lb-2'].map((host) => Prometheus.of(lab, host)));
  const isQuiet = async () => {
    const all = (await Promise.all(watchers.map((watcher) => watcher.alerts()))).flat();
    const left = all.filter(({ name }) => counts(name));
    if (left.length > 0) throw new Error(left.map(({ name, state }) => `${name} ${state}`).join(', '));
    return true;
  };
  await waitFor('no alert pending or firing', isQuiet, settlesWithinMs, 2_000);
}
