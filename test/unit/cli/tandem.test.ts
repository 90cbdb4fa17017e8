/** The tool as a process: exit codes, what goes to which stream, finding the stack file. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseStack } from '#src/spec/parse.ts';

const root = join(import.meta.dirname, '../../..');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tandem-cli-'));
});

afterEach(async () => rm(directory, { recursive: true, force: true }));

function tandem(words: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...inherited } = process.env;
  const options = { cwd: directory, env: { ...inherited, ...environment }, timeout: 20_000 };
  return new Promise((resolve) => {
    const words_ = ['--disable-warning=ExperimentalWarning', join(root, 'src/bin/tandem.ts'), ...words];
    execFile(process.execPath, words_, options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err: err.replaceAll(directory, 'HERE') });
    });
  });
}

/** The environment that runs `code` in the tool's process before anything else. */
function preloading(code: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** A stack file that is right, with its application. */
async function writeStack(name = 'tandem.yaml'): Promise<void> {
  await tandem(['init', '--name', 'site']);
  await mkdir(join(directory, 'app'));
  if (name === 'tandem.yaml') return;
  const text = await readFile(join(directory, 'tandem.yaml'), 'utf8');
  await rm(join(directory, 'tandem.yaml'));
  await writeFile(
    join(directory, name),
    name.endsWith('.ts') ? `export default ${JSON.stringify(parse(text))} satisfies object;\n` : text,
  );
}

describe('the words', () => {
  it.each([[[]], [['help']], [['--help']]])('%j print the help', async (words) => {
    const { code, out, err } = await tandem(words);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of ['init', 'validate', 'plan', 'up', 'status', 'exec', 'logs', 'firewall', 'down'])
      expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  it.each([
    [['vlidate'], "error unknown command 'vlidate'\n(Did you mean validate?)\n"],
    [['validate', '--jsn'], "error unknown option '--jsn'\n(Did you mean --json?)\n"],
    [['--fil', 'x', 'validate'], "error unknown option '--fil'\n(Did you mean --file?)\n"],
    [['help', 'vlidate'], "error unknown command 'vlidate'\n(Did you mean validate?)\n"],
    [['toString'], "error unknown command 'toString'\n"],
    [['validate', '--file'], "error option '--file <path>' argument missing\n"],
    [
      ['logs', '-n', 'abc'],
      'error --lines abc is no number of lines.\nWrite a number from 0 to 1000000, such as 100.\n',
    ],
  ])('%j are refused', async (words, text) => {
    expect(await tandem(words)).toEqual({ code: 2, out: '', err: text });
  });

  it('may name a file like a command', async () => {
    expect(await tandem(['--file', 'up', 'validate'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error HERE\/up can not be read: it does not exist\.\n/),
    });
  });

  it('ask for the version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(await tandem(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

describe('tandem validate', () => {
  it.each(['tandem.yaml', 'tandem.yml', 'tandem.config.ts'])('finds %s', async (name) => {
    await writeStack(name);
    const { code, out, err } = await tandem(['validate']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      `OK ${join(directory, name)}: stack 'site', 4 hosts (2 balancers, 2 web hosts, 2 database members, a quorum of 3), site at 10.77.0.100\n`,
    );
  });

  it('does not choose between two stack files', async () => {
    await writeStack();
    await writeFile(join(directory, 'tandem.config.ts'), 'export default {};\n');
    expect(await tandem(['validate'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('more than one'),
    });
    expect(await tandem(['validate', '--file', 'tandem.yaml'])).toMatchObject({ code: 0 });
  });

  it('says how to begin where there is none', async () => {
    expect(await tandem(['validate'])).toEqual({
      code: 2,
      out: '',
      err: "error There is no stack file in HERE (tandem.yaml, tandem.yml, tandem.config.ts).\nRun 'tandem init' to write one, or name yours with --file.\n",
    });
  });

  it('gives JSON, right or wrong', async () => {
    await writeStack();
    const right = await tandem(['validate', '--json']);
    expect([right.code, JSON.parse(right.out)]).toEqual([
      0,
      expect.objectContaining({ valid: true, stack: 'site', issues: [] }),
    ]);
    await writeFile(join(directory, 'tandem.yaml'), 'stak: site\n');
    const wrong = await tandem(['validate', '--json']);
    expect([wrong.code, wrong.err]).toEqual([2, '']);
    expect(JSON.parse(wrong.out)).toMatchObject({
      valid: false,
      code: 'bad-stack-file',
      issues: expect.arrayContaining([
        { path: 'stak', line: 1, message: 'is not a key that Tandem knows', hint: "Did you mean 'stack'?" },
      ]),
    });
  });

  it('warns on the error stream', async () => {
    await writeStack();
    const file = join(directory, 'tandem.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/ {2}lb-2: .*\n/, ''));
    const { code, out, err } = await tandem(['validate']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^OK /)]);
    expect(err).toBe(
      "warning hosts (line 11): only lb-1 takes requests (role 'balancer'): the site is down when it is\n    Give a second host the role 'balancer'.\n",
    );
  });
});

it('tandem plan --flows tells scripts what it tells people: also what leaves the stack', async () => {
  await writeStack();
  const file = join(directory, 'tandem.yaml');
  const alerts = "monitoring: { alerts: { webhooks: [{ url: 'http://192.0.2.7:9000/' }] } }";
  await writeFile(file, `${(await readFile(file, 'utf8')).replace(/^monitoring:.*$/gm, '')}\n${alerts}\n`);
  const { out } = await tandem(['plan', '--flows', '--json']);
  const flows = JSON.parse(out) as { to: string }[];
  expect(flows.filter(({ to }) => to === '192.0.2.7')).toMatchObject([
    { from: 'lb-1', port: 9000, protocol: 'tcp', purpose: 'receivers of alerts' },
    { from: 'lb-2', port: 9000, protocol: 'tcp', purpose: 'receivers of alerts' },
  ]);
  const text = (await tandem(['plan', '--flows', '--no-color'])).out;
  // A line of titles, and one of the operators.
  expect(text.trim().split('\n')).toHaveLength(flows.length + 2);
});

describe('a stack file that can not be read', () => {
  const cases: readonly [string, (file: string) => Promise<void>, string][] = [
    ['a directory', async (file) => void (await mkdir(file)), 'it is a directory'],
    [
      'too large',
      (file) => writeFile(file, '').then(() => truncate(file, 2_000_000)),
      'it has 2000000 bytes, and at most 1048576 are read',
    ],
    ['no text', (file) => writeFile(file, Buffer.from([0x73, 0xff, 0xfe])), 'it is not UTF-8 text'],
    ['a link to itself', (file) => symlink(file, file), 'its symbolic links go round in a circle'],
    ['a device', (file) => symlink('/dev/zero', file), 'it is not a regular file'],
    ['not there', async () => {}, 'it does not exist'],
  ];

  it.each(cases)('%s', async (_name, make, reason) => {
    await make(join(directory, 'stack.yaml'));
    expect(await tandem(['validate', '--file', 'stack.yaml'])).toEqual({
      code: 2,
      out: '',
      err: `error HERE/stack.yaml can not be read: ${reason}.\nCheck the path and its permissions; 'tandem init' writes a new file.\n`,
    });
  });

  it.runIf(process.getuid?.() !== 0)('one of somebody else', async () => {
    await writeStack();
    await chmod(join(directory, 'tandem.yaml'), 0);
    expect(await tandem(['validate'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/permission denied/),
    });
  });
});

describe('tandem.config.ts', () => {
  it.each([
    ['throw new Error("no luck\\nsecond line");', 'does not run: Error: no luck'],
    ['export default { stack: ', 'does not run: SyntaxError: '],
    ["import './nothing.ts';", "does not run: Error: Cannot find module 'HERE/nothing.ts'"],
    ['export const stack = 1;', 'has no default export that is a stack.'],
    ['export default () => ({});', 'has no default export that is a stack.'],
  ])('%s', async (text, message) => {
    await writeFile(join(directory, 'tandem.config.ts'), text);
    const { code, err } = await tandem(['validate']);
    expect(code).toBe(2);
    expect(err).toContain(`error HERE/tandem.config.ts ${message}`);
    expect(err.trimEnd().split('\n')).toHaveLength(2);
  });

  it('is checked like YAML', async () => {
    await writeFile(join(directory, 'tandem.config.ts'), 'export default { stak: 1 };\n');
    expect((await tandem(['validate'])).err).toContain(
      "stak: is not a key that Tandem knows\n    Did you mean 'stack'?",
    );
  });
});

describe('what is no mistake in the file', () => {
  it('a directory that is gone is said so', async () => {
    const gone = join(directory, 'gone');
    await mkdir(gone);
    const preload = `process.chdir(${JSON.stringify(gone)}); (await import('node:fs')).rmdirSync(${JSON.stringify(gone)});`;
    expect(await tandem(['validate'], preloading(preload))).toEqual({
      code: 2,
      out: '',
      err: 'error The current directory no longer exists.\nChange to one that does.\n',
    });
  });

  it('a bug asks to be reported: exit 70', async () => {
    await writeStack();
    const broken = preloading("JSON.stringify = () => { throw new TypeError('broken on purpose'); };");
    const { code, err } = await tandem(['validate', '--json'], broken);
    expect([code, err]).toEqual([
      70,
      'bug Tandem met something that it did not expect: broken on purpose\nPlease report it with what the same command prints with --verbose.\n',
    ]);
    expect((await tandem(['validate', '--json', '--verbose'], broken)).err).toMatch(/^ +at /m);
  });

  it('so does a rejection that nobody awaits', async () => {
    const stray = "setTimeout(() => Promise.reject(new Error('stray')), 1_500);";
    expect(await tandem(['help'], preloading(stray))).toMatchObject({ code: 70 });
  });
});

describe('tandem init', () => {
  it('writes a file whose only open end is the application', async () => {
    expect(await tandem(['init'])).toMatchObject({ code: 0, err: '' });
    const text = await readFile(join(directory, 'tandem.yaml'), 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\/.*\/docs\/reference\/tandem\.schema\.json\n/);
    expect(parseStack(parse(text))).toMatchObject({ ok: true, warnings: [] });
    expect((await tandem(['validate'])).err).toMatch(
      /has one problem.*\n {2}web\.app\.directory .* does not exist\n/,
    );
  });

  it('shows defaults that are right when they are switched on', async () => {
    await tandem(['init', '--name', 'site']);
    const text = await readFile(join(directory, 'tandem.yaml'), 'utf8');
    const on = text
      .replaceAll(/^( *)# ((?: {2})*(?:[a-z][A-Za-z]*:(?: |$).*))$/gm, '$1$2')
      .replaceAll(/^#.*$/gm, '');
    expect(parseStack(parse(on))).toMatchObject({ ok: true });
  });

  it('replaces nothing without --force', async () => {
    await writeFile(join(directory, 'tandem.yaml'), 'mine\n');
    expect(await tandem(['init'])).toEqual({
      code: 2,
      out: '',
      err: 'error HERE/tandem.yaml is there already; nothing was written.\nOnly --force replaces it.\n',
    });
    expect(await readFile(join(directory, 'tandem.yaml'), 'utf8')).toBe('mine\n');
    expect(await tandem(['init', '--force', '--name', 'other'])).toMatchObject({ code: 0 });
    expect(await readFile(join(directory, 'tandem.yaml'), 'utf8')).toContain('\nstack: other\n');
  });

  it('refuses a bad name', async () => {
    expect(await tandem(['init', '--name', 'My Shop'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('For example: --name my-shop'),
    });
  });
});

describe('the output', () => {
  it('has colours only where they are wanted', async () => {
    const colour = '\u001b[';
    expect((await tandem(['validate'])).err).not.toContain(colour);
    expect((await tandem(['validate'], { FORCE_COLOR: '1' })).err).toContain(colour);
    expect((await tandem(['validate', '--no-color'], { FORCE_COLOR: '1' })).err).not.toContain(colour);
  });

  it('has stacks only with --verbose', async () => {
    expect((await tandem(['validate'])).err).not.toMatch(/^ +at /m);
    const { code, err } = await tandem(['validate', '--verbose']);
    expect(code).toBe(2);
    expect(err).toMatch(/code: no-stack-file\n/);
    expect(err).toMatch(/^ +at /m);
  });
});
