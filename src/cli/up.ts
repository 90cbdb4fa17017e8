import type { Command } from 'commander';
import { dashboardUrl } from '#src/render/dashboard.ts';
import { openStack } from './open.ts';
import { print } from './output.ts';
import { Progress } from './progress.ts';

export function register(program: Command): void {
  program
    .command('up')
    .description('bring the stack up, or to what the stack file now says; returns when it is healthy')
    .option('--rotate-certificates', 'with new internal certificates and keys for every host')
    .option('--lost <host...>', 'taken out of the stack file, and gone for good: nothing is asked of it')
    .action(async (options: { rotateCertificates?: boolean; lost?: readonly string[] }, self: Command) => {
      const stack = await openStack(self);
      const { up } = await import('#src/provision/up.ts');
      const { withOperation } = await import('#src/provision/stack-lock.ts');
      const progress = new Progress();
      const { firstPasswords } = await import('./dashboard.ts');
      const lock = { access: stack, stateDirectory: stack.location.stateDirectory, command: 'up' };
      const { outcome, passwords } = await withOperation(
        { ...lock, reporter: progress },
        async (reporter) => ({
          outcome: await up(stack.upRequest(reporter, options)),
          passwords: await firstPasswords(stack),
        }),
      );
      const { status } = outcome;
      const seconds = progress.elapsedSeconds.toFixed(1);
      print(
        outcome.changed
          ? `\nStack '${status.stack}' is up (${seconds} s).`
          : `Nothing changed (${seconds} s).`,
      );
      print(`  site      ${status.site.url}`);
      print(`  balancer  ${status.balancer.active} holds ${status.site.address}`);
      for (const host of status.hosts)
        print(`  host      ${host.name.padEnd(10)} ${host.address.padEnd(15)} ${host.roles.join(', ')}`);
      print(`  primary   ${status.database.primary}`);
      print(`  dashboard ${dashboardUrl(stack.spec)}`);
      for (const [name, password] of passwords) print(`  log in as ${name} with ${password}   (shown once)`);
      const url = new URL(stack.spec.web.app.healthPath, status.site.url).href;
      print(`\nTry it:  curl --cacert ${status.site.caFile} ${url}`);
    });
}
