import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { askDatabase, type OpenedStack, watchDatabase } from './database.ts';
import { openStack } from './open.ts';
import { confirm, print } from './output.ts';

/** Beside the wait for open transactions: by then the core has given up or rolled forward. */
const handoverMs = 30_000;
/** A request that is gone was carried out or given up; the members' answers show the former a moment later. */
const shownMs = 2_000;

export function register(program: Command): void {
  program
    .command('switchover')
    .description('make another member the primary of the database, without losing a write')
    .option('--to <host>', 'who takes over (default: the sync standby)')
    .option('--yes', 'do not ask')
    .action(async (options: { to?: string; yes?: boolean }, self: Command) => {
      const stack = await openStack(self);
      if (!options.yes) {
        await confirm(
          'The primary closes for new writes, waits until the other has everything, and hands over; open transactions that wrote are ended. Writes pause for a moment.',
          stack.spec.stack,
        );
      }
      const body = options.to === undefined ? {} : { to: options.to };
      const accepted = (await askDatabase(stack, {
        method: 'POST',
        path: '/v1/database/switchover',
        body,
      })) as { id: string; from: string; to: string; epoch: number };
      const { id, from, to, epoch } = accepted;
      const startedMs = performance.now();
      let goneSince = Number.POSITIVE_INFINITY;
      const end = await watchDatabase(stack, {
        timeoutMs: stack.spec.database.switchover.waitMs + handoverMs,
        done: async ({ database }) => {
          if ((database.epoch ?? 0) > epoch && database.primary !== null) return true;
          if (await isGone(stack, id)) goneSince = Math.min(goneSince, performance.now());
          return performance.now() - goneSince > shownMs;
        },
        say: print,
      });
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      if (end?.database.primary === to) {
        print(`${to} is the primary now (epoch ${end.database.epoch}, ${seconds} s).`);
        return;
      }
      throw new TandemError(
        'switchover-failed',
        `${to} has not taken over in ${seconds} s; ${from} goes on.`,
        {
          hint: "What it waited for stands above; 'tandem db history' and 'tandem logs HOST agent' tell more. Ask again when it is cured.",
        },
      );
    });
}

async function isGone(stack: OpenedStack, id: string): Promise<boolean> {
  const path = '/v1/database/switchover';
  // In the moment of handing over nobody may answer.
  const answer = (await askDatabase(stack, { path }).catch(() => undefined)) as
    | { switchover: { id: string } | null }
    | undefined;
  return answer !== undefined && answer.switchover?.id !== id;
}
