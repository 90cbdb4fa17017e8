/** The acceptance points at small counts: one lab for those that share one, and labs of their own for the others. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyPoints as allPoints } from '#test/points/all.ts';
import { expectCommand } from '#test/support/command.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';

const anyPoints = allPoints.filter(({ inSuite }) => inSuite);
const minutes = 60_000;
const quiet = () => undefined;
/** The machine is noisy and these points have limits in time: once more decides. The full counts have no second try. */
const retry = 1;

describe('points on one lab', () => {
  let lab: Lab | undefined;

  beforeAll(async () => {
    lab = await Lab.up(referenceStack('t-stack', '10.201.1.0/24'));
  }, 3 * minutes);

  afterAll(async () => {
    await lab?.close();
  }, minutes);

  test('the commands that tests do without say the same', { retry }, async () => {
    if (lab === undefined) throw new Error('no lab');
    const { database: asked, ...rest } = await lab.healthy();
    const { database, operation, application, drift, ...byCommand } = await lab.statusByCommand();
    expect(byCommand).toEqual(rest);
    expect(operation).toBeNull();
    expect(drift).toEqual([]);
    expect(application).toMatchObject({
      current: expect.stringMatching(/^[0-9a-f]{16}$/),
      canary: null,
      underWay: null,
    });
    expect(database.primary).toBe(asked.primary);
    expect(await lab.expect('exec', 'server-1', '--', 'hostname')).toBe('server-1\n');
  });

  test('a support bundle tells much and no secret', { retry }, async () => {
    if (lab === undefined) throw new Error('no lab');
    const state = await lab.stateDirectory();
    const { passwords } = JSON.parse(await readFile(join(state, 'material/secrets.json'), 'utf8'));
    const secrets: string[] = Object.values(passwords as Record<string, string>);
    // What a careless application would do; without it nothing would have to be taken out.
    const say = `echo 'the password is ${secrets.join(' and ')}' >>/var/log/tandem/app-1.log`;
    await lab.exec('server-1', 'sh', '-c', say);
    const file = join(lab.directory, 'bundle.tar.gz');
    await lab.expect('support-bundle', '--output', file);
    const whole = await expectCommand('tar', ['-xzOf', file]);
    for (const secret of secrets) expect(whole.includes(secret), 'a password is in the bundle').toBe(false);
    expect(whole).toContain('the password is [secret');
    expect(whole).not.toContain('PRIVATE KEY');
    const names = await expectCommand('tar', ['-tzf', file]);
    for (const name of [
      'status.json',
      'hosts/lb-1/config/haproxy/haproxy.cfg',
      'hosts/server-2/logs/mariadb.log',
    ])
      expect(names).toContain(name);
  });

  test('breaks a service on purpose, and nobody else', async () => {
    if (lab === undefined) throw new Error('no lab');
    const ofRouter = async (host: string) => lab?.pid(host, 'router');
    const before = { one: await ofRouter('server-1'), other: await ofRouter('server-2') };
    await lab.expect('fault', 'kill', 'server-2', 'router');
    await lab.healthy();
    expect(await ofRouter('server-2')).not.toBe(before.other);
    expect(await ofRouter('server-1')).toBe(before.one);
    const spared = await lab.run('fault', 'kill', 'server-2', 'agent');
    expect([spared.code, spared.stderr]).toEqual([1, expect.stringContaining('spared')]);
    const unknown = await lab.run('fault', 'freeze', 'server-9', 'router');
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("no host 'server-9'")]);
  });

  for (const point of anyPoints.filter(({ kind }) => kind === 'lab')) {
    test(`${point.id}: ${point.title}`, { timeout: 3 * minutes, retry }, async () => {
      if (lab === undefined) throw new Error('no lab');
      const running = lab;
      // One point that fails must not fail the ones after it.
      await running.healthy();
      await point.onLab(running, 'small', quiet);
    });
  }
});

describe('points with labs of their own', () => {
  anyPoints
    .filter(({ kind }) => kind === 'own')
    .forEach((point, index) => {
      const place = { name: `t-own-${index + 1}`, subnet: `10.201.${10 + 2 * index}.0/24` };
      test(`${point.id}: ${point.title}`, { timeout: 4 * minutes, retry }, async () => {
        await point.onPlace(place, 'small', quiet);
      });
    });
});
