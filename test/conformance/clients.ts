/** The clients: how each is started. */
import { join } from 'node:path';

export interface Client {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Debian packages that it needs, beside those that `npm test` installs. */
  readonly packages?: readonly string[];
  /** Reads the corpus as `flat` has it. */
  readonly flat?: boolean;
  /** What an answer that is, or has, an error looks like, in the client's own telling. */
  readonly errorLike: RegExp;
}

/** An object of the runner's making. */
const errorObject = /"error":/;

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
  // An ERR packet: three bytes of length, the sequence number, 0xff.
  errorLike: /"[0-9a-f]{8}ff/,
});

const php = ['php-cli', 'php-mysql'];

export const clients: readonly (Client & { readonly form?: string })[] = [
  wire('old'),
  wire('new'),
  wire('tracking'),
  wire('tracking of old'),
  { name: 'mysql2', command: node('mysql2.ts'), errorLike: errorObject },
  { name: 'mariadb for Node.js', command: node('mariadb.ts'), errorLike: errorObject },
  { name: 'mariadb command line', command: node('command-line.ts'), errorLike: /ERROR \d/ },
  { name: 'PHP mysqli', command: ['php', runner('mysqli.php')], packages: php, errorLike: /"errno":[1-9]/ },
  { name: 'PHP PDO', command: ['php', runner('pdo.php')], packages: php, errorLike: /\["\w{5}",\d+,/ },
  {
    name: 'pymysql',
    command: ['/usr/bin/python3', runner('pymysql_runner.py')],
    packages: ['python3-pymysql'],
    errorLike: errorObject,
  },
  {
    name: 'MariaDB Connector/J',
    command: ['java', '-Xmx1g', '-cp', '/usr/share/java/mariadb-java-client.jar', runner('ConnectorJ.java')],
    packages: ['openjdk-17-jdk-headless', 'libmariadb-java'],
    flat: true,
    errorLike: errorObject,
  },
];
