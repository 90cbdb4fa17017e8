import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { askDatabase, watchDatabase } from './database.ts';
import { openStack } from './open.ts';
import { confirm, print } from './output.ts';

/** The core gives up before the key is released, or rolls forward: by then it is decided either way. */
const timeoutMs = 40_000;

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
      })) as { from: string; to: string; epoch: number };
      const { from, to, epoch } = accepted;
      const startedMs = performance.now();
      const end = await watchDatabase(stack, {
        timeoutMs,
        done: ({ database }) => (database.epoch ?? 0) > epoch && database.primary !== null,
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
