/** The clients: how each is started. */
import { join } from 'node:path';

export interface Client {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Debian packages that it needs, beside those that `npm test` installs. */
  readonly packages?: readonly string[];
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

const php = ['php-cli', 'php-mysql'];

export const clients: readonly (Client & { readonly form?: string })[] = [
  wire('old'),
  wire('new'),
  wire('tracking'),
  wire('tracking of old'),
  { name: 'mysql2', command: node('mysql2.ts') },
  { name: 'mariadb for Node.js', command: node('mariadb.ts') },
  { name: 'mariadb command line', command: node('command-line.ts') },
  { name: 'PHP mysqli', command: ['php', runner('mysqli.php')], packages: php },
  { name: 'PHP PDO', command: ['php', runner('pdo.php')], packages: php },
  {
    name: 'pymysql',
    command: ['/usr/bin/python3', runner('pymysql_runner.py')],
    packages: ['python3-pymysql'],
  },
  {
    name: 'MariaDB Connector/J',
    command: ['java', '-Xmx1g', '-cp', '/usr/share/java/mariadb-java-client.jar', runner('ConnectorJ.java')],
    packages: ['openjdk-17-jdk-headless', 'libmariadb-java'],
    flat: true,
  },
];
