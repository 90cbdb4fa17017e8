/** What a deploy that fails leaves, on hosts whose application is a script's word. With real ones: test/points/hosts-deploy.ts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { makeArchive, type ReleaseArchive } from '#src/provision/application/archive.ts';
import { type DeployRequest, deploy, deployCanary, rollback } from '#src/provision/application/deploy.ts';
import { HostApplication } from '#src/provision/application/host.ts';
import { runCommand } from '#src/provision/lab/command.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { ApplicationRecord } from '#src/topology/application.ts';
import { applicationDirectory } from '#src/topology/paths.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { type FakeAgents, fakeAgents } from '#test/support/fake-agents.ts';

const address = '127.77.56.1';
const webs = ['server-1', 'server-2'];
const reporter: Reporter = { step: (_host, _title, work) => work(), note: () => undefined };
let agents: FakeAgents;
let root = '';
/** By web host: out of service at the balancer. */
let drained: Record<string, boolean> = {};
/** Hosts on which no release becomes healthy. */
let ill: ReadonlySet<string> = new Set();
let request: DeployRequest;
let first: ReleaseArchive;
let second: ReleaseArchive;
let third: ReleaseArchive;

beforeAll(async () => {
  agents = await fakeAgents([address], async (incoming, response) => {
    const body = Buffer.concat(await incoming.toArray()).toString();
    const host = incoming.url?.split('/')[4];
    if (host !== undefined) drained[host] = (JSON.parse(body) as { state: string }).state === 'drain';
    const servers = webs.map((name) => ({
      host: name,
      up: true,
      drained: drained[name] === true,
      weight: 1,
      requests: 0,
      check: null,
    }));
    response.end(JSON.stringify({ servers }));
  });
});
afterAll(() => agents.close());

/** A host whose script is the real one, in a directory of the test's. */
function driver(host: string) {
  return {
    host,
    services: async () => [{ name: 'haproxy', state: 'running' }],
    observe: async () => ({ exists: false }),
    control: async () => undefined,
    run: async (command: readonly string[], options: object) =>
      command[0] === 'sh'
        ? runCommand(
            command.map((word) => (word === applicationDirectory ? join(root, host) : word)),
            options,
          )
        : { code: 0, stderr: '', stdout: JSON.stringify({ healthy: !ill.has(host), problems: ['is ill'] }) },
  };
}

const release = (text: string) => {
  const source = join(root, 'app');
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'server.js'), text);
  return makeArchive({ source, stateDirectory: join(root, 'state'), staticPath: undefined });
};

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tandem-deploy-'));
  drained = {};
  ill = new Set();
  [first, second, third] = [await release('one'), await release('two'), await release('three')];
  const history = [first, second].map(
    (each) => ({ release: each.release, change: 'deploy', by: '', atMs: 0, detail: '' }) as const,
  );
  const store = {
    record: { current: second.release, canary: null, underWay: null, history } as ApplicationRecord,
    write: async (record: ApplicationRecord) => {
      store.record = record;
    },
  };
  const spec = referenceSpec();
  const access = {
    spec: { ...spec, hosts: spec.hosts.filter(({ name }) => name !== 'lb-2') },
    infrastructure: { driver, agent: async () => ({ address }), site: async () => undefined },
    operator: async () => agents.identity,
    caFile: '',
  };
  const place = { access, stateDirectory: join(root, 'state'), directory: root, reporter };
  request = { ...place, store, render: async () => new Map() } as unknown as DeployRequest;
  for (const name of webs) {
    const host = new HostApplication(driver(name) as never);
    for (const archive of [first, second]) await host.install(archive);
    await host.use(second.release);
    await host.applied(second.release);
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const running = () =>
  Promise.all(webs.map(async (name) => (await new HostApplication(driver(name) as never).observe()).applied));

/** As a deploy of the third release that was killed after its first host. */
async function interrupted(): Promise<void> {
  const host = new HostApplication(driver('server-1') as never);
  await host.install(third);
  await host.use(third.release);
  await host.applied(third.release);
  const { record } = request.store;
  await request.store.write({
    ...(record as ApplicationRecord),
    underWay: { release: third.release, by: 'me@here', sinceMs: 0 },
  });
}

it('a way back that fails leaves no host out of service, and is gone on with', async () => {
  await interrupted();
  ill = new Set(['server-1']);
  await expect(rollback(request)).rejects.toMatchObject({
    code: 'release-unhealthy',
    message: expect.stringContaining(`Release ${second.release} stays under way: server-1 did not`),
    hint: expect.stringContaining('tandem deploy --continue'),
  });
  expect(drained['server-1']).toBe(false);
  expect(request.store.record).toMatchObject({
    current: second.release,
    underWay: { release: second.release },
  });
  ill = new Set();
  // Not to the first release: the way to the second one was not finished.
  await rollback(request);
  expect(await running()).toEqual([second.release, second.release]);
  expect(request.store.record).toMatchObject({ current: second.release, underWay: null });
});

it('a release that fails is taken back from every host, and a host that is not well with either is told', async () => {
  ill = new Set(['server-2']);
  await expect(deploy(request, third, 'here')).rejects.toMatchObject({
    message: expect.stringContaining('server-2'),
  });
  // The second host is ill with either.
  expect(request.store.record?.underWay).toMatchObject({ release: second.release });
  expect((await running())[0]).toBe(second.release);
  expect(drained).toEqual({ 'server-1': false, 'server-2': false });
});

it('a canary is refused while another change has not ended, and goes on with itself', async () => {
  await interrupted();
  for (const archive of [first, third])
    await expect(deployCanary(request, archive, 1, 'here')).rejects.toMatchObject({
      code: 'deploy-under-way',
      kind: 'input',
      hint: expect.stringContaining('tandem deploy --continue'),
    });
  expect(request.store.record?.underWay).toMatchObject({ release: third.release });
  const canary = { host: 'server-1', release: third.release, weight: 1 };
  await request.store.write({ ...(request.store.record as ApplicationRecord), canary });
  await deployCanary(request, third, 1, 'here');
  expect(request.store.record).toMatchObject({ canary, underWay: null });
  expect(await running()).toEqual([third.release, second.release]);
});
