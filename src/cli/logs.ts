import type { Command } from 'commander';
import { openStack } from './open.ts';

export function register(program: Command): void {
  program
    .command('logs')
    .description('what the services wrote; all hosts and services, or one host, or one service')
    .argument('[host]')
    .argument('[service]')
    .option('-f, --follow', 'go on as lines come in')
    .option('-n, --lines <count>', 'so many last lines of each', (text) => Number.parseInt(text, 10), 20)
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
