import { expect, it } from 'vitest';
import type { HostPlan } from '#src/plan/plan.ts';
import { applyPlans, type Gates, type PlannedHost } from '#src/provision/apply.ts';
import type { HostDriver } from '#src/provision/host-driver.ts';
import { TandemError } from '#src/std/errors.ts';

const reporter = {
  note: () => undefined,
  step: <T>(_host: string, _title: string, work: () => Promise<T>) => work(),
};

/** A host whose change is the restart of nginx; what is asked of it is told to `said`. */
function host(name: string, said: string[], fails: readonly string[]): PlannedHost {
  const say = async (what: string) => {
    said.push(`${name} ${what}`);
    if (fails.includes(`${name} ${what}`)) throw new TandemError('failed', `${name} cannot ${what}.`);
  };
  const driver: HostDriver = {
    host: name,
    prepare: () => say('prepare'),
    observe: () => Promise.reject(new Error('not asked')),
    services: async () => [],
    validate: async () => undefined,
    writeFiles: async () => undefined,
    define: async () => undefined,
    remember: () => say('remember'),
    restore: () => say('restore'),
    control: (service, action) => say(`${action} ${service}`),
    run: () => Promise.reject(new Error('not asked')),
  };
  const plan: HostPlan = {
    host: name,
    steps: [{ kind: 'service', action: 'restart', service: 'nginx', reason: 'changed' }],
    write: [],
    remove: [],
  };
  return { driver, plan, services: [] };
}

async function roll(...fails: readonly string[]): Promise<{ said: readonly string[]; error: string }> {
  const said: string[] = [];
  const gate = (what: string) => async (each: PlannedHost) => {
    const text = `${each.driver.host} ${what}`;
    said.push(text);
    if (fails.includes(text)) throw new TandemError('failed', `${text} failed.`);
  };
  const gates: Gates = {
    order: async (hosts) => hosts,
    before: gate('before'),
    after: gate('after'),
    release: gate('release'),
    settled: gate('settled'),
  };
  const hosts = ['a', 'b', 'c'].map((name) => host(name, said, fails));
  const error = await applyPlans(hosts, reporter, gates).then(
    () => '',
    (reason: Error) => reason.message,
  );
  return { said, error };
}

const done = (name: string) =>
  ['before', 'remember', 'restart nginx', 'after', 'settled'].map((what) => `${name} ${what}`);

it('host by host, each healthy before the next', async () => {
  expect(await roll()).toEqual({ said: [...done('a'), ...done('b'), ...done('c')], error: '' });
});

it.each(['restart nginx', 'after', 'settled'])(
  'a host that fails at "%s" is put back, and in service again',
  async (at) => {
    const { said, error } = await roll(`b ${at}`);
    const own = done('b').slice(0, done('b').indexOf(`b ${at}`) + 1);
    expect(said).toEqual([...done('a'), ...own, 'b restore', 'b release']);
    expect(error).toBe('The change stopped at b: b was put back as it was; a changed; c not touched.');
  },
);

it('a host whose change has not begun is not put back to what it was before an earlier one', async () => {
  for (const at of ['before', 'remember']) {
    const { said, error } = await roll(`b ${at}`);
    expect(said).not.toContain('b restore');
    expect(said.at(-1)).toBe('b release');
    expect(error).toBe('The change stopped at b: b was not changed; a changed; c not touched.');
  }
});

it('a host that can not be put back says why', async () => {
  const { error } = await roll('a settled', 'a restore');
  expect(error).toBe(
    'The change stopped at a: a could not be put back (a cannot restore.); b, c not touched.',
  );
});
