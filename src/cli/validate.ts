import type { Command } from 'commander';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import { print } from './output.ts';
import { resolveStack } from './resolve.ts';

export function register(program: Command): void {
  program
    .command('validate')
    .description('check the stack file and what it names on disk; every problem at once')
    .option(
      '--json',
      'for scripts: {valid, file, stack, code, message, issues, warnings}, both lists of {path, line, message, hint}',
    )
    .action(async (options: { json?: boolean }, self: Command) => {
      if (options.json) return validateAsJson(self);
      const { spec, file } = await resolveStack(self);
      print(`OK ${file}: ${summary(spec)}`);
    });
}

function summary(spec: Spec): string {
  const count = (hosts: readonly HostSpec[], singular: string, plural = `${singular}s`) =>
    `${hosts.length} ${hosts.length === 1 ? singular : plural}`;
  const tiers = [
    count(hostsWithRole(spec, 'balancer'), 'balancer'),
    count(hostsWithRole(spec, 'web'), 'web host'),
    count(hostsWithRole(spec, 'database'), 'database member'),
    `a quorum of ${hostsWithRole(spec, 'quorum').length}`,
  ];
  return `stack '${spec.stack}', ${count(spec.hosts, 'host')} (${tiers.join(', ')}), site at ${spec.site.addresses.join(', ')}`;
}

async function validateAsJson(self: Command): Promise<void> {
  const show = (result: object) => print(JSON.stringify(result, null, 2));
  try {
    const { spec, file, warnings } = await resolveStack(self);
    show({ valid: true, file, stack: spec.stack, code: null, message: null, issues: [], warnings });
  } catch (error) {
    if (!(error instanceof TandemError) || error.kind !== 'input') throw error;
    const { code, message, issues } = error;
    show({ valid: false, file: null, stack: null, code, message, issues, warnings: [] });
    process.exitCode = error.exitCode;
  }
}
