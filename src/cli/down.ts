import type { Command } from 'commander';
import { isOnServers } from '#src/spec/spec.ts';
import { openStack } from './open.ts';
import { confirm, print } from './output.ts';
import { Progress } from './progress.ts';

export function register(program: Command): void {
  program
    .command('down')
    .description('end the stack; its data and secrets stay unless --purge')
    .option('--purge', 'remove data and secrets too')
    .option('--yes', 'do not ask')
    .action(async (options: { purge?: boolean; yes?: boolean }, self: Command) => {
      const stack = await openStack(self);
      const { stateDirectory } = stack.location;
      const where = isOnServers(stack.spec)
        ? ` on its servers and in ${stateDirectory}`
        : ` in ${stateDirectory}`;
      // A lab is only ever a rehearsal; what is on servers is the site.
      if (!options.yes && (options.purge || isOnServers(stack.spec))) {
        await confirm(
          options.purge
            ? `This removes the databases, certificates and passwords of '${stack.spec.stack}'${where}.`
            : `This ends the site '${stack.spec.stack}' on its servers; its data and secrets stay.`,
          stack.spec.stack,
        );
      }
      const { withStackLock } = await import('#src/provision/lock.ts');
      const progress = new Progress();
      await withStackLock(stateDirectory, 'down', () =>
        stack.infrastructure.down(progress, { purge: options.purge ?? false }),
      );
      if (options.purge) await stack.infrastructure.purge();
      const kept = options.purge ? 'data and secrets removed' : `data and secrets stay${where}`;
      print(`Stack '${stack.spec.stack}' is down (${progress.elapsedSeconds.toFixed(1)} s); ${kept}.`);
    });
}
