/** The clients: how each is started. */
import { join } from 'node:path';

export interface Client {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Reads the corpus as `flat` has it. */
  readonly flat?: boolean;
}

const runner = (name: string): string => join(import.meta.dirname, 'runners', name);
const node = (name: string, ...more: readonly string[]): Client['command'] => [
  process.execPath,
  runner(name),
  ...more,
];

/** What follows the corpus and the target on the command line goes with the name. */
const wire = (form: string): Client & { readonly form: string } => ({
  name: `wire, ${form}`,
  command: node('wire.ts'),
  form,
});

export const clients: readonly (Client & { readonly form?: string })[] = [
  wire('old'),
  wire('new'),
  wire('tracking'),
  wire('tracking of old'),
  { name: 'mysql2', command: node('mysql2.ts') },
  { name: 'mariadb for Node.js', command: node('mariadb.ts') },
  { name: 'mariadb command line', command: node('command-line.ts') },
  { name: 'PHP mysqli', command: ['php', runner('mysqli.php')] },
  { name: 'PHP PDO', command: ['php', runner('pdo.php')] },
  { name: 'pymysql', command: ['/usr/bin/python3', runner('pymysql_runner.py')] },
  {
    name: 'MariaDB Connector/J',
    command: ['java', '-Xmx1g', '-cp', '/usr/share/java/mariadb-java-client.jar', runner('ConnectorJ.java')],
    flat: true,
  },
];
