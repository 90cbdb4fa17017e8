import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { askDatabase, watchDatabase } from './database.ts';
import { openStack } from './open.ts';
import { confirm, print } from './output.ts';

const timeoutMs = 30_000;

export function register(program: Command): void {
  program
    .command('failover')
    .description('let a member lead that may lack acknowledged writes; only when nobody leads, with --force')
    .option('--force', 'this may lose writes; says which before it asks')
    .option('--to <host>', 'who leads (default: the member that has received most)')
    .option('--yes', 'do not ask')
    .action(async (options: { force?: boolean; to?: string; yes?: boolean }, self: Command) => {
      if (!options.force) {
        throw new TandemError(
          'no-force',
          'A failover needs no command: it happens by itself when it is safe.',
          {
            kind: 'input',
            hint: "'tandem status' says whether one would succeed now. 'tandem switchover' moves the primary without loss; 'tandem failover --force' accepts losing writes when nobody leads.",
          },
        );
      }
      const stack = await openStack(self);
      const path = '/v1/database/failover';
      const to = options.to === undefined ? {} : { to: options.to };
      const before = (await askDatabase(stack, { method: 'POST', path, body: to })) as {
        to: string;
        risk: string;
      };
      print(before.risk);
      if (!options.yes) await confirm(`${before.to} becomes the primary all the same.`, before.to);
      await askDatabase(stack, { method: 'POST', path, body: { to: before.to, confirmed: true } });
      const end = await watchDatabase(stack, {
        timeoutMs,
        done: ({ database }) => database.primary === before.to,
        say: print,
      });
      if (end === undefined) {
        throw new TandemError(
          'failover-incomplete',
          `${before.to} has not begun to lead in ${timeoutMs / 1_000} s.`,
          {
            hint: "'tandem status' says what it waits for.",
          },
        );
      }
      print(`${before.to} is the primary now (epoch ${end.database.epoch}).`);
    });
}
