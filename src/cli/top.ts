/** `tandem top`: what flows where, the busiest statements, again and again. */
import type { Command } from 'commander';
import { openStack } from './open.ts';

export function register(program: Command): void {
  program
    .command('top')
    .description('requests, statements and the statements that take the time, live')
    .option('--once', 'print one look and end')
    .option('--interval <seconds>', 'between two looks', '2')
    .action(async (options: { once?: boolean; interval: string }, self: Command) => {
      const stack = await openStack(self);
      const { showTop } = await import('./top-screen.ts');
      await showTop(stack, { once: options.once === true, intervalMs: Number(options.interval) * 1_000 });
    });
}
