import type { Command } from 'commander';
import { openStack } from './open.ts';

export function register(program: Command): void {
  program
    .command('exec')
    .description('run a command inside a host (its network, its files); returns its exit code')
    .argument('<host>', 'name of the host')
    .argument('<command...>', 'program and arguments, after --')
    .action(async (host: string, command: string[], _options: unknown, self: Command) => {
      const stack = await openStack(self);
      process.exitCode = await stack.attach(host, command);
    });
}
