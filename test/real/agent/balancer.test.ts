import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAgent } from './ask.ts';
import { agentPort, floating, gateway, TwoBalancers } from './two-balancers.ts';

/** The times themselves are `stack-3`'s to prove: other tests run beside these. */
const patienceMs = 4_000;

let stack: TwoBalancers;

beforeAll(async () => {
  stack = await TwoBalancers.create();
  await stack.startAll();
});
afterAll(() => stack?.dispose());

const only = (index: 0 | 1) => () => stack.hosts[index].holds && !stack.hosts[index === 0 ? 1 : 0].holds;

describe('the floating address', () => {
  it('is held by the preferred balancer once HAProxy answers there', async () => {
    console.log(`taken after ${await stack.until(only(0))} ms`);
    const status = JSON.parse((await stack.ask(0, 'GET', '/v1/status')).text) as { balancer: unknown };
    expect(status.balancer).toEqual({
      heldAddresses: [floating],
      haproxyHealthy: true,
      drained: [],
      standsBack: false,
    });
  });

  it('moves when HAProxy is killed, and comes back', async () => {
    await stack.hosts[0].kill('haproxy');
    const ms = await stack.until(only(1));
    console.log(`HAProxy killed: moved in ${ms} ms`);
    expect(ms).toBeLessThan(patienceMs);
    stack.hosts[0].startHaproxy();
    await stack.until(only(0));
  });

  it('moves when HAProxy is frozen, and comes back', async () => {
    stack.hosts[0].signal('haproxy', 'SIGSTOP');
    const ms = await stack.until(only(1));
    console.log(`HAProxy frozen: moved in ${ms} ms`);
    stack.hosts[0].signal('haproxy', 'SIGCONT');
    expect(ms).toBeLessThan(patienceMs);
    await stack.until(only(0));
  });

  it('is taken off a host whose keepalived is frozen, by the agent there', async () => {
    process.kill(await stack.hosts[0].vrrpPid(), 'SIGSTOP');
    stack.hosts[0].signal('keepalived', 'SIGSTOP');
    const ms = await stack.until(only(1));
    console.log(`keepalived frozen: only on the other host after ${ms} ms`);
    expect(ms).toBeLessThan(patienceMs);
    await stack.until(() => stack.hosts[0].output.includes('service=keepalived action=kill'));
    await stack.hosts[0].kill('keepalived');
    stack.hosts[0].startKeepalived();
    await stack.until(only(0));
  });

  it('is taken off a host whose keepalived was killed', async () => {
    const vrrp = await stack.hosts[0].vrrpPid();
    await stack.hosts[0].kill('keepalived');
    try {
      process.kill(vrrp, 'SIGKILL');
    } catch {
      // It went with its parent.
    }
    const ms = await stack.until(only(1));
    console.log(`keepalived killed: only on the other host after ${ms} ms`);
    expect(ms).toBeLessThan(patienceMs);
    stack.hosts[0].startKeepalived();
    await stack.until(only(0));
  });

  it('stays where it is when the agent is killed, and when it comes back', async () => {
    await stack.hosts[0].kill('agent');
    stack.hosts[0].startAgent();
    for (let count = 0; count < 40; count += 1) {
      expect(stack.hosts[0].holds).toBe(true);
      await sleep(50);
    }
    await stack.until(async () => (await stack.ask(0, 'GET', '/v1/health')).status === 200);
  });
});

describe('web hosts', () => {
  interface Server {
    readonly host: string;
    readonly up: boolean;
    readonly drained: boolean;
  }
  const servers = async (text: Promise<{ text: string }>) =>
    (JSON.parse((await text).text) as { servers: readonly Server[] }).servers;
  const list = () => servers(stack.ask(0, 'GET', '/v1/balancer/servers'));
  const set = (host: string, state: string) => stack.ask(0, 'PUT', `/v1/balancer/servers/${host}`, { state });
  const drained = async () =>
    (JSON.parse((await stack.ask(0, 'GET', '/v1/status')).text) as { balancer: { drained: string[] } })
      .balancer.drained;

  it('are taken out of service and back, as HAProxy itself says', async () => {
    await stack.until(async () => (await list()).every(({ up }) => up));
    expect(await servers(set('lb-2', 'drain'))).toMatchObject([
      { host: 'lb-1', up: true, drained: false, weight: 1, requests: 0, check: 'L7OK (HTTP 200)' },
      { host: 'lb-2', up: true, drained: true },
    ]);
    expect(await drained()).toEqual(['lb-2']);
    await servers(set('lb-2', 'ready'));
    expect(await drained()).toEqual([]);
  });

  it('that there are not, and states that there are not, are problems', async () => {
    expect((await set('lb-3', 'drain')).status).toBe(404);
    expect((await set('lb-2', 'maint')).status).toBe(422);
  });
});

describe('the operators', () => {
  const operation = (command: string) => ({ by: 'anna@desk', pid: 7, command, sinceMs: 1 });
  const take = (index: 0 | 1, id: string, command: string) =>
    stack.ask(index, 'POST', `/v1/operation/${id}`, operation(command));
  const holder = async () =>
    (
      JSON.parse((await stack.ask(1, 'GET', '/v1/operation')).text) as {
        operation: { command: string } | null;
      }
    ).operation;

  it('work one at a time, and the second is told who', async () => {
    expect((await take(0, '101', 'up')).status).toBe(201);
    const second = await take(1, '102', 'deploy');
    expect(second.status).toBe(409);
    expect(JSON.parse(second.text)).toMatchObject({ taken: false, holder: operation('up') });
    // Whoever did not hear the answer asks again, perhaps elsewhere.
    expect((await take(1, '101', 'up')).status).toBe(201);
    expect((await stack.ask(1, 'PUT', '/v1/operation/101')).status).toBe(200);
    expect(await holder()).toMatchObject({ command: 'up' });
    // The loser's release takes nothing from the holder.
    await stack.ask(0, 'DELETE', '/v1/operation/102');
    expect(await holder()).toMatchObject({ command: 'up' });
    await stack.ask(0, 'DELETE', '/v1/operation/101');
    expect(await holder()).toBeNull();
    expect((await stack.ask(0, 'PUT', '/v1/operation/101')).status).toBe(410);
    expect((await take(1, '102', 'deploy')).status).toBe(201);
    await stack.ask(0, 'DELETE', '/v1/operation/102');
  });

  it('are told when there is no quorum, and what is no operation', async () => {
    expect((await stack.ask(0, 'POST', '/v1/operation/none', operation('up'))).status).toBe(422);
    expect((await stack.ask(0, 'POST', '/v1/operation/9', {})).status).toBe(422);
    for (const index of [0, 1, 2]) stack.etcd.signal(index, 'SIGSTOP');
    expect((await stack.ask(0, 'GET', '/v1/operation')).status).toBe(503);
    for (const index of [0, 1, 2]) stack.etcd.signal(index, 'SIGCONT');
    await stack.until(async () => (await stack.ask(0, 'GET', '/v1/operation')).status === 200);
  });

  it('write the record of the releases over nothing but what they have read', async () => {
    const read = async () =>
      JSON.parse((await stack.ask(0, 'GET', '/v1/application')).text) as {
        record: unknown;
        revision: number;
      };
    const write = (record: unknown, revision: number) =>
      stack.ask(1, 'PUT', '/v1/application', { record, revision });
    expect(await read()).toEqual({ record: null, revision: 0 });
    const first = await write({ current: 'a' }, 0);
    expect(first.status).toBe(200);
    expect((await write({ current: 'b' }, 0)).status).toBe(409);
    const { record, revision } = await read();
    expect(record).toEqual({ current: 'a' });
    expect((await write({ current: 'c' }, revision)).status).toBe(200);
    expect((await write('text', revision)).status).toBe(422);
  });
});

describe('the block-list', () => {
  const rules = (index: 0 | 1) => stack.hosts[index].run(['nft', 'list', 'ruleset']);
  const block = (index: 0 | 1, address: string, more: object = {}) =>
    stack.ask(index, 'POST', '/v1/blocklist', { address, ...more });

  it('reaches the other host within a second, and goes again', async () => {
    expect((await block(0, '203.0.113.77/24', { durationMs: 3_600_000, reason: 'scan' })).status).toBe(201);
    expect(rules(0)).toContain('203.0.113.0/24');
    const ms = await stack.until(() => rules(1).includes('203.0.113.0/24'));
    console.log(`blocked on the other host after ${ms} ms`);
    expect(ms).toBeLessThan(patienceMs);
    const { entries } = JSON.parse((await stack.ask(1, 'GET', '/v1/blocklist')).text) as {
      entries: object[];
    };
    expect(entries).toMatchObject([{ address: '203.0.113.0/24', reason: 'scan', by: 'operator' }]);
    expect((await stack.ask(1, 'DELETE', '/v1/blocklist/203.0.113.0%2F24')).status).toBe(204);
    expect(await stack.until(() => !rules(0).includes('203.0.113.0/24'))).toBeLessThan(1_000);
  });

  it('silences connections that are open', async () => {
    const socket = connect(80, stack.hosts[0].peer.address);
    socket.on('error', () => undefined);
    let answers = 0;
    socket.on('data', () => {
      answers += 1;
    });
    const get = () => socket.write('GET / HTTP/1.1\r\nHost: site\r\n\r\n');
    get();
    await stack.until(() => answers === 1);
    // This test's own address: asked of the other host, whose operator's list holds it, so by force.
    const refusal = await block(0, gateway);
    expect(refusal.status).toBe(422);
    expect(refusal.text).toContain('an operator');
    // The answer to it is the first thing that is not let through any more.
    await expect(block(0, gateway, { force: true, durationMs: 8_000 })).rejects.toThrow('no answer');
    get();
    await sleep(1_000);
    expect(answers).toBe(1);
    socket.destroy();
    await stack.until(async () => (await stack.ask(0, 'GET', '/v1/health')).status === 200, 15_000);
  });

  it('works without the quorum, outlives the agent, and is shared when the quorum is back', async () => {
    for (const index of [0, 1, 2]) stack.etcd.signal(index, 'SIGSTOP');
    expect((await block(1, '198.51.100.9')).status).toBe(201);
    expect(rules(1)).toContain('198.51.100.9');
    expect(rules(0)).not.toContain('198.51.100.9');
    await stack.hosts[1].kill('agent');
    stack.hosts[1].run(['nft', 'flush', 'ruleset']);
    stack.hosts[1].run(['nft', '-f', join(stack.hosts[1].directory, 'agent/blocklist.nft')]);
    expect(rules(1)).toContain('198.51.100.9');
    for (const index of [0, 1, 2]) stack.etcd.signal(index, 'SIGCONT');
    stack.hosts[1].startAgent();
    console.log(
      `shared ${await stack.until(() => rules(0).includes('198.51.100.9'), 20_000)} ms after the quorum was back`,
    );
  });

  it('answers problems to what it does not understand', async () => {
    const bad = await block(0, 'nonsense');
    expect(bad).toMatchObject({ status: 422, type: 'application/problem+json' });
    expect((await stack.ask(0, 'GET', '/v1/nothing')).status).toBe(404);
    expect((await stack.ask(0, 'GET', '/v1/clone')).status).toBe(404);
    const large = await askAgent(
      stack.hosts[0].peer.address,
      stack.operator,
      'POST',
      '/v1/blocklist',
      'x'.repeat(20_000),
    );
    expect(large.status).toBe(413);
    const stranger = { ca: stack.operator.ca };
    await expect(askAgent(stack.hosts[0].peer.address, stranger, 'GET', '/v1/health')).rejects.toThrow();
  });
});

describe('at rest', () => {
  it('an agent is small', async () => {
    await sleep(2_000);
    const pid = stack.hosts[0].children.get('agent')?.pid ?? 0;
    const cpu = async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    };
    const before = await cpu();
    await sleep(10_000);
    const percent = ((await cpu()) - before) / 100;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
    console.log(
      `balancer agent: PSS ${kilobytes('Pss')} kB, anonymous ${kilobytes('Anonymous')} kB, CPU ${percent} %`,
    );
    expect(percent).toBeLessThan(4);
    expect(agentPort).toBe(18_440);
  });
});
