import type { Command } from 'commander';
import type { HostUpgrade } from '#src/provision/upgrade/look.ts';
import { openStack } from './open.ts';
import { confirm, print } from './output.ts';
import { Progress } from './progress.ts';

export function register(program: Command): void {
  program
    .command('upgrade')
    .description('newer Debian packages of the stack, host by host, each out of service meanwhile')
    .option('--dry-run', 'only say what would be done')
    .option('--yes', 'do not ask')
    .action(async (options: { dryRun?: boolean; yes?: boolean }, self: Command) => {
      const stack = await openStack(self);
      const { planUpgrade, upgrade } = await import('#src/provision/upgrade/upgrade.ts');
      const { withOperation } = await import('#src/provision/stack-lock.ts');
      const progress = new Progress();
      const request = { access: stack, services: await stack.services(), reporter: progress };
      if (stack.spec.hosts.some(({ ssh }) => ssh === undefined)) {
        print(
          "The lab's hosts have this machine's packages: upgrade those with apt; here services are restarted whose program was replaced.",
        );
      }
      const plan = await planUpgrade(request);
      if (plan.length === 0) return print('Nothing to do: every service runs the program that is installed.');
      print(plan.map(describe).join('\n'));
      if (options.dryRun) return undefined;
      if (!options.yes) await confirm('The hosts are upgraded in this order, one by one.', stack.spec.stack);
      const { stateDirectory } = stack.location;
      await withOperation(
        { access: stack, stateDirectory, command: 'upgrade', reporter: progress },
        (reporter) => upgrade({ ...request, reporter }, plan),
      );
      print(`Done (${progress.elapsedSeconds.toFixed(1)} s).`);
      return undefined;
    });
}

function describe({ host, packages, stale, affected }: HostUpgrade): string {
  return [
    host.name,
    ...packages.map(({ name, from, to }) => `  upgrade ${name} from ${from} to ${to}`),
    ...stale.map(({ service, path }) => `  restart ${service} (${path} was replaced since it started)`),
    ...affected
      .filter((name) => !stale.some(({ service }) => service === name))
      .map((name) => `  restart ${name}, if its program is replaced`),
  ].join('\n');
}
