/** Versions of the users example for tests that deploy: copies that differ from it in one way each. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from './lab.ts';

const example = join(repository, 'examples/users');

/** How a version is broken: it ends at its start, or it runs and answers 500 to health checks. */
export type Breakage = 'ends at once' | 'answers 500';

/** Said in its log by a version that is broken in that way. */
export const lastWords: Readonly<Record<Breakage, string>> = {
  'ends at once': 'the setting BILLING_URL is missing',
  'answers 500': 'billing is away',
};

export class Application {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<Application> {
    return new Application(await mkdtemp(join(tmpdir(), 'tandem-application-')));
  }

  /** A directory with this version of the application; each of its answers says so in `x-version`. */
  async version(name: string, breakage?: Breakage): Promise<string> {
    const directory = join(this.root, name.replaceAll(/\W/g, '-'));
    await cp(example, directory, { recursive: true });
    await replaceIn(join(directory, 'listen.ts'), [
      "response.setHeader('x-tandem-host', host);",
      `response.setHeader('x-tandem-host', host);\n    response.setHeader('x-version', '${name}');`,
    ]);
    await writeFile(join(directory, 'public/version.txt'), `${name}\n`);
    const server = join(directory, 'server.ts');
    if (breakage === 'ends at once') {
      const text = await readFile(server, 'utf8');
      await writeFile(
        server,
        `process.stderr.write('users: ${lastWords[breakage]}\\n');\nprocess.exit(3);\n${text}`,
      );
    }
    if (breakage === 'answers 500') {
      await replaceIn(server, [
        'createHealth((limitMs) => database.check(limitMs))',
        `() => Promise.reject(new Error('${lastWords[breakage]}'))`,
      ]);
    }
    return directory;
  }

  async close(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** The text must be there: otherwise the version would be the one that it was made from. */
async function replaceIn(path: string, [from, to]: readonly [string, string]): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${path} has no '${from}'`);
  await writeFile(path, text.replace(from, to));
}
