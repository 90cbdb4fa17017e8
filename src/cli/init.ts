import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { print } from './output.ts';

export function register(program: Command): void {
  program
    .command('init')
    .description('write a commented tandem.yaml here')
    .option('--name <name>', 'name of the stack (default: name of this directory)')
    .option('--force', 'replace an existing one')
    .action(async (options: { name?: string; force?: boolean }) => {
      const file = resolve('tandem.yaml');
      const name =
        options.name ??
        (basename(process.cwd())
          .toLowerCase()
          .replace(/[^a-z0-9-]/g, '')
          .slice(0, 20) ||
          'site');
      try {
        await writeFile(file, template(name), { flag: options.force ? 'w' : 'wx' });
      } catch (cause) {
        throw new TandemError('init-failed', `${file} was not written: ${(cause as Error).message}.`, {
          kind: 'input',
          hint: 'An existing file is replaced only with --force.',
          cause,
        });
      }
      print(`Wrote ${file}. Set web.app to your application, then: tandem validate, tandem up.`);
    });
}

function template(name: string): string {
  return `# The whole infrastructure of one web site. Every key: docs/reference/stack-file.md
stack: ${name}

hosts:
  lb-1: { roles: [balancer, quorum] }
  lb-2: { roles: [balancer] }
  server-1: { roles: [web, database, quorum], weight: 2 }
  server-2: { roles: [web, database, quorum], weight: 1 }

web:
  # Files that nginx serves by itself.
  # static: ./public
  app:
    # It gets PORT (a unix socket's path), TANDEM_HOST, DATABASE_URL (primary) and DATABASE_READ_URL (replicas first).
    directory: ./app
    command: [node, server.js]
    healthPath: /health

database:
  schema: app
  # SQL that runs once, when the database is created.
  # schemaFile: ./schema.sql
`;
}
