import { access, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { namePattern, nameText, nearestName } from '#src/spec/schema/values.ts';
import { TandemError } from '#src/std/errors.ts';
import { print } from './output.ts';

export function register(program: Command): void {
  program
    .command('init')
    .description('write a commented tandem.yaml here')
    .option('--name <name>', 'name of the stack (default: made from the name of this directory)')
    .option('--force', 'replace an existing one')
    .action(async (options: { name?: string; force?: boolean }) => {
      const name = options.name ?? nameFrom(basename(process.cwd()));
      if (!namePattern.test(name)) {
        throw new TandemError('bad-name', `--name ${name}: the name ${nameText}.`, {
          kind: 'input',
          hint: `For example: --name ${nameFrom(name)}`,
        });
      }
      const file = resolve('tandem.yaml');
      if (!options.force) await refuseSecond();
      await write(file, template(name), options.force ?? false);
      print(`Wrote ${file} with stack '${name}'.`);
      print('Set web.app to your application, then: tandem validate, tandem up.');
    });
}

/** A stack name out of any text. */
export function nameFrom(text: string): string {
  return nearestName(text) ?? 'site';
}

/** Two stack files in one directory would leave open which one counts. */
async function refuseSecond(): Promise<void> {
  for (const other of ['tandem.yml', 'tandem.config.ts']) {
    const there = await access(other).then(
      () => true,
      () => false,
    );
    if (!there) continue;
    throw new TandemError('stack-file-exists', `${resolve(other)} is there already; nothing was written.`, {
      kind: 'input',
      hint: `Go on with it, or remove it and run 'tandem init' again.`,
    });
  }
}

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    // wx: whether the file is there and its creation are one step.
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new TandemError('stack-file-exists', `${file} is there already; nothing was written.`, {
        kind: 'input',
        hint: 'Only --force replaces it.',
        cause,
      });
    }
    throw new TandemError('init-failed', `${file} could not be written: ${message}.`, {
      hint: 'Check the permissions of this directory and the free space.',
      cause,
    });
  }
}

const schemaFile = join(import.meta.dirname, '../../docs/reference/tandem.schema.json');

function template(name: string): string {
  return `# yaml-language-server: $schema=${schemaFile}
#
# The whole infrastructure of one web site. Keys that are commented out show their defaults;
# every key is in docs/reference/stack-file.md of Tandem. 'tandem validate' checks this file, 'tandem up' applies it.
# Secrets never belong here: Tandem makes them and keeps them in its state directory.
stack: ${name}

# Roles are free to combine. Two hosts for each tier survive the loss of one; a quorum takes three (or five).
# The weight is a share of the web requests. The order is an order of preference: the first database host creates the
# database.
hosts:
  lb-1: { roles: [balancer, quorum] }
  lb-2: { roles: [balancer] }
  server-1: { roles: [web, database, quorum], weight: 2 }
  server-2: { roles: [web, database, quorum], weight: 1 }

web:
  # Mode active-active is weighted round robin; in active-passive the first web host serves, the next ones back it up.
  # mode: active-active
  # Application processes per web host.
  # instances: 2
  # Files that nginx serves by itself; they are part of the application. Paths start at this file's directory.
  # static: ./app/public
  app:
    directory: ./app
    # It gets PORT (the path of a unix socket to listen on), TANDEM_HOST, and DATABASE_URL: the SQL router of its host,
    # which sends writes to the primary and reads to replicas.
    command: [node, server.js]
    # Answers 200 while the process can serve.
    # healthPath: /health
    # environment: { LOG_LEVEL: info }

# database:
#   schema: app
#   # SQL that runs once, when the database is created.
#   schemaFile: ./schema.sql
#   # With required a write is acknowledged when a replica has it; with strict also when that means waiting for ever.
#   sync: required

# site:
#   domain: ${name}.internal
#   # Your own certificate; without it the stack's internal authority issues one.
#   certificate: { certificateFile: ./site.pem, keyFile: ./site.key }

# network:
#   subnet: 10.77.0.0/24

# Prometheus, Alertmanager and exporters run without a word here; 'monitoring: false' turns them off. Who is told of alerts:
# monitoring:
#   alerts:
#     webhooks: [{ url: 'https://alerts.example.org/hook' }]
#     email: { to: [ops@example.org], from: tandem@example.org, smtp: 'mail.example.org:587' }
`;
}
