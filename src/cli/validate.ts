import type { Command } from 'commander';
import { print } from './output.ts';
import { resolveStack } from './resolve.ts';

export function register(program: Command): void {
  program
    .command('validate')
    .description('check the stack file; every problem at once')
    .action(async (_options: unknown, self: Command) => {
      const { spec, file } = await resolveStack(self);
      const hosts = spec.hosts.map((host) => host.name).join(', ');
      print(
        `${file} is valid: stack '${spec.stack}' on ${hosts}, floating address ${spec.site.addresses.join(', ')}.`,
      );
    });
}
