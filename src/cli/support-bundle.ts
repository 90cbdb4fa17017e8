import { resolve } from 'node:path';
import type { Command } from 'commander';
import { openStack } from './open.ts';
import { print } from './output.ts';
import { Progress } from './progress.ts';
import { version } from './version.ts';

export function register(program: Command): void {
  program
    .command('support-bundle')
    .description(
      'state, versions, rendered files, logs and history in one archive, with the secrets taken out',
    )
    .option('--output <file>', 'where to (default: tandem-STACK-TIME.tar.gz here)')
    .action(async (options: { output?: string }, self: Command) => {
      const stack = await openStack(self);
      const { makeBundle } = await import('#src/provision/support/bundle.ts');
      const time = new Date().toISOString().replaceAll(/[-:]|\..*/g, '');
      const target = resolve(options.output ?? `tandem-${stack.spec.stack}-${time}.tar.gz`);
      const { stateDirectory, file } = stack.location;
      const request = {
        access: stack,
        stateDirectory,
        file,
        target,
        named: await stack.material(),
        version: version(),
        reporter: new Progress(),
      };
      const { files } = await makeBundle(request);
      print(`${target}: ${files} files.`);
      print(
        'Passwords and keys of the stack were taken out. Your application writes its own logs: look at them before you hand it on.',
      );
    });
}
