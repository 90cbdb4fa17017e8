/** A real cause of alerts in a lab, with what takes it back; and what several causes use. */
import { setTimeout as sleep } from 'node:timers/promises';
import { queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
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

export async function exec(lab: Lab, host: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(host, ...words);
  if (code !== 0) throw new Error(`${words.join(' ')} on ${host}: ${stderr}`);
  return stdout;
}

export async function sql(lab: Lab, host: string, statement: string): Promise<void> {
  const { code, stderr } = await queryLocally(lab, host, statement);
  if (code !== 0) throw new Error(`${statement}: ${stderr}`);
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
