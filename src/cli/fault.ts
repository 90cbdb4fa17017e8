/**
 * Faults in a lab, for drills: what the dashboard's acts do, from the command line. What is frozen wakes by `heal`, or by
 * itself; a host that is cut off comes back by itself alone, because nobody could reach it to heal it.
 */
import type { Command } from 'commander';
import { askHost } from '#src/provision/operator-api.ts';
import type { Stack } from '#src/provision/stack.ts';
import { TandemError } from '#src/std/errors.ts';
import { parseDuration } from './firewall.ts';
import { openStack } from './open.ts';
import { print } from './output.ts';

export function register(program: Command): void {
  const fault = program.command('fault').description('break something in a lab on purpose, and heal it');
  fault
    .command('kill')
    .description('kill -9 the main process of a service')
    .argument('<host>', 'name of the host')
    .argument('<service>', "as 'tandem status' names it")
    .action(async (host: string, service: string, _options: unknown, self: Command) => {
      await inject(await openStack(self), host, { kind: 'kill', service });
      print(`${service} on ${host} was killed.`);
    });
  fault
    .command('freeze')
    .description('stop every process of a service where it is (SIGSTOP), for two minutes or until healed')
    .argument('<host>', 'name of the host')
    .argument('<service>', "as 'tandem status' names it")
    .action(async (host: string, service: string, _options: unknown, self: Command) => {
      await inject(await openStack(self), host, { kind: 'freeze', service });
      print(`${service} on ${host} is frozen; 'tandem fault heal ${host}' wakes it.`);
    });
  fault
    .command('cut-off')
    .description('take the network of a host away for a while')
    .argument('<host>', 'name of the host')
    .option('--for <duration>', '1s to 120s', '30s')
    .action(async (host: string, options: { for: string }, self: Command) => {
      await inject(await openStack(self), host, { kind: 'cut-off', forMs: parseDuration(options.for) });
      print(`${host} has no network for ${options.for}.`);
    });
  fault
    .command('heal')
    .description('wake what is frozen on a host')
    .argument('<host>', 'name of the host')
    .action(async (host: string, _options: unknown, self: Command) => {
      await inject(await openStack(self), host, { kind: 'heal' });
      print(`${host} is healed.`);
    });
}

async function inject(stack: Stack, name: string, body: object): Promise<void> {
  const host = stack.hostNamed(name);
  if (host.ssh !== undefined) {
    throw new TandemError('not-a-lab', `${name} is a server: faults are for labs.`, {
      kind: 'input',
      hint: 'Take the ssh destinations out of a copy of the stack file, and try it there.',
    });
  }
  await askHost(stack, host, { method: 'POST', path: '/v1/lab/faults', body });
}
