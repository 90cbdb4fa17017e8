import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { askDatabase, watchDatabase } from './database.ts';
import { openStack } from './open.ts';
import { confirm, print, table } from './output.ts';

/** A copy of a large database takes its time; it goes on when the command has ended. */
const rejoinTimeoutMs = 3_600_000;

interface HistoryEntry {
  readonly epoch: number;
  readonly holder: string;
  readonly start: string;
  readonly atMs: number;
  readonly rule: number;
  readonly sentence: string;
}

export function register(program: Command): void {
  const db = program.command('db').description('the database: its history, and copying a member anew');
  db.command('history')
    .description('who was the primary, since when, and why')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }, self: Command) => {
      const { history } = (await askDatabase(await openStack(self), { path: '/v1/database/history' })) as {
        history: readonly HistoryEntry[];
      };
      if (options.json) return print(JSON.stringify(history, null, 2));
      const rows = history.map(({ epoch, holder, start, atMs, rule, sentence }) => [
        String(epoch),
        holder,
        new Date(atMs).toISOString(),
        start,
        String(rule),
        sentence,
      ]);
      print(table(['epoch', 'primary', 'since', 'begins after', 'rule', 'why'], rows));
    });
  db.command('rejoin')
    .description('copy a member anew from another one; what only it has is saved as SQL first')
    .argument('<host>')
    .option('--yes', 'do not ask')
    .action(async (host: string, options: { yes?: boolean }, self: Command) => {
      const stack = await openStack(self);
      if (!options.yes) await confirm(`This replaces the data of ${host} by a copy.`, host);
      const { from } = (await askDatabase(stack, {
        method: 'POST',
        path: '/v1/database/rejoin',
        host,
      })) as { from: string };
      print(`${host} is copied from ${from}.`);
      let begun = false;
      const end = await watchDatabase(stack, {
        timeoutMs: rejoinTimeoutMs,
        done: ({ database }) => {
          const member = database.members.find((each) => each.host === host);
          begun ||= member?.role !== 'replica';
          return begun && member?.role === 'replica' && member.lagSeconds !== null;
        },
        say: print,
      });
      if (end === undefined) {
        throw new TandemError(
          'rejoin-incomplete',
          `${host} does not follow yet; the copy goes on by itself.`,
          {
            hint: "'tandem status' shows how far it is.",
          },
        );
      }
      print(`${host} follows ${end.database.primary}.`);
    });
}
