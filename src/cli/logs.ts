import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { openStack } from './open.ts';

const mostLines = 1_000_000;

export function register(program: Command): void {
  program
    .command('logs')
    .description('what the services wrote; all hosts and services, or one host, or one service')
    .argument('[host]')
    .argument('[service]')
    .option('-f, --follow', 'go on as lines come in')
    .option('-n, --lines <count>', 'so many last lines of each', parseLines, 20)
    .action(
      async (
        host: string | undefined,
        service: string | undefined,
        options: { follow?: boolean; lines: number },
        self: Command,
      ) => {
        const stack = await openStack(self);
        const hosts =
          host === undefined ? stack.spec.hosts.map(({ name }) => name) : [stack.hostNamed(host).name];
        await stack.infrastructure.showLogs(hosts, {
          service,
          lines: options.lines,
          follow: options.follow ?? false,
        });
      },
    );
}

function parseLines(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= mostLines) return Number(text);
  throw new TandemError('bad-option', `--lines ${text} is no number of lines.`, {
    kind: 'input',
    hint: `Write a number from 0 to ${mostLines}, such as 100.`,
  });
}
