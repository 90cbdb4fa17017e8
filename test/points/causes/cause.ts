/** A real cause of alerts in a lab, with what takes it back; and what several causes use. */
import { setTimeout as sleep } from 'node:timers/promises';
import { membersOf, queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import type { WebhookReceiver } from '#test/support/webhook.ts';

export interface World {
  readonly lab: Lab;
  /** The second receiver, which may refuse. */
  readonly other: WebhookReceiver;
  /** The machine's path of lb-2's /var/lib/tandem, a small disk of its own. */
  readonly disk: string;
}

export type Heal = () => Promise<void>;

/** In the order in which they come. Causes of one group do not touch one another and are provoked together. */
export const groups = [
  'figures',
  'certificate',
  'host',
  'lag',
  'errant',
  'applications',
  'tiers',
  'blind',
  'maintenance',
] as const;

/** Those `aside` take long by their windows of time, touch nobody, and go on beside the groups before `blind`. */
export type Group = (typeof groups)[number] | 'aside';

export interface Expected {
  readonly name: string;
  /** Of this host alone; undefined: of whichever. */
  readonly instance?: string;
}

export interface Cause {
  readonly what: string;
  /** Alerts that must fire, and resolve once it is healed. */
  readonly alerts: readonly Expected[];
  readonly group: Group;
  /** The two Alertmanagers can't talk meanwhile: then both tell, as they must. */
  readonly separates?: true;
  provoke(world: World): Promise<Heal>;
}

export function expected(...names: readonly string[]): readonly Expected[] {
  return names.map((name) => ({ name }));
}

export async function freeze(
  lab: Lab,
  what: readonly (readonly [host: string, service: string])[],
): Promise<Heal> {
  for (const [host, service] of what) await lab.signalService(host, service, 'SIGSTOP');
  return async () => {
    for (const [host, service] of what) await lab.signalService(host, service, 'SIGCONT');
  };
}

/** Primary and replica; an agent of a busy machine may not answer at once. */
export function members(lab: Lab): ReturnType<typeof membersOf> {
  return waitFor('primary and replica', () => membersOf(lab), 120_000, 1_000);
}

export async function exec(lab: Lab, host: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(host, ...words);
  if (code !== 0) throw new Error(`${words.join(' ')} on ${host}: ${stderr}`);
  return stdout;
}

/** What it answers, as text. */
export async function sql(lab: Lab, host: string, statement: string): Promise<string> {
  const { code, stdout, stderr } = await queryLocally(lab, host, statement);
  if (code !== 0) throw new Error(`${statement}: ${stderr}`);
  return stdout.trim();
}

/** Keeps doing something until it is told to stop. */
export function repeat(everyMs: number, work: () => Promise<unknown>): Heal {
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      await work().catch(() => undefined);
      await sleep(everyMs);
    }
  })();
  return async () => {
    stopped = true;
    await done;
  };
}
