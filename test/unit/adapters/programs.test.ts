/** Programs that end well, badly, late or never began: through the agent's way to run them, and the lab's. */
import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { run, runChecked } from '#src/adapters/process/run.ts';
import { runCommand } from '#src/provision/lab/command.ts';

const shell = (script: string) => ['sh', '-c', script];
/** A stream that fails after its first bytes. */
const broken = () => {
  const stream = new PassThrough();
  stream.write('first');
  setTimeout(() => stream.destroy(new Error('broken')), 50);
  return stream;
};

it('give what they wrote, and their exit code', async () => {
  const said = { code: 3, stdout: 'é', stderr: 'no\n' };
  const script = shell("printf '\\303'; sleep 0.05; printf '\\251'; echo no >&2; exit 3");
  expect(await run(script)).toEqual(said);
  expect(await runCommand(script)).toEqual(said);
});

it('are fed, whether they read it or not', async () => {
  for (const input of ['text', Readable.from(['te', 'xt'])])
    expect((await run(['cat'], { input })).stdout).toBe('text');
  for (const input of ['text', Buffer.from('text'), Readable.from(['te', 'xt'])])
    expect((await runCommand(['cat'], { input })).stdout).toBe('text');
  const input = 'x'.repeat(1_000_000);
  expect((await run(['true'], { input })).code).toBe(0);
  expect((await runCommand(['true'], { input })).code).toBe(0);
});

it('end with what feeds them', async () => {
  expect((await run(['cat'], { input: broken() })).code).toBe(128);
  expect((await runCommand(['cat'], { input: broken() })).code).toBe(137);
});

it('are ended when they are late', async () => {
  const script = shell('echo begun; exec sleep 20');
  await expect(run(script, { timeoutMs: 200 })).rejects.toThrow('sh: not done in 200 ms');
  expect(await runCommand(script, { timeoutMs: 200 })).toEqual({
    code: 124,
    stdout: 'begun\n',
    stderr: '\nsh: no end within 200 ms',
  });
});

it('may leave something behind that holds their pipes, which holds no command of the lab', async () => {
  const startMs = performance.now();
  const { code } = await runCommand(shell('setsid sleep 2 & exit 0'), { timeoutMs: 300 });
  expect(code).toBe(124);
  expect(performance.now() - startMs).toBeLessThan(1_500);
});

it('may be missing', async () => {
  expect(await runCommand(['tandem-nothing'])).toEqual({
    code: 127,
    stdout: '',
    stderr: 'tandem-nothing: spawn tandem-nothing ENOENT',
  });
  await expect(runChecked(['tandem-nothing'])).rejects.toThrow(
    /^tandem-nothing ended with 127: .*tandem-nothing/,
  );
});

it('of the agent leave the end of a long output', async () => {
  const { stdout } = await run(shell('head -c 100000 /dev/zero | tr "\\0" x; echo end'));
  expect(stdout).toHaveLength(64 * 1024);
  expect(stdout.endsWith('x\nend\n') || stdout.endsWith('xend\n')).toBe(true);
});
