/** The rules against the flows: every one of them, and nothing that is none. */
import { describe, expect, it } from 'vitest';
import { firewallRules, firewallService } from '#src/render/firewall.ts';
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import { deriveFlows, type Flow } from '#src/topology/flows.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { Sandbox } from '#test/fixtures/sandbox.ts';
import { hostNamed, referenceSpec, specOf } from '#test/fixtures/spec.ts';
import { stacks } from '#test/golden/stacks.ts';

/** The accept rules of a chain; loopback and what is answered anyway left out. */
function accepts(spec: Spec, host: HostSpec, chain: 'input' | 'output'): readonly string[] {
  const text = firewallRules({ spec, host, material: fixedMaterial(spec) });
  const body = text.slice(text.indexOf(`chain ${chain} {`)).split('    }')[0] ?? '';
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes(' accept') && !/^[io]if lo|^ct state est|icmp|policy/.test(line));
}

const what = (flow: Flow) => (flow.protocol === 'vrrp' ? 'ip protocol 112' : `tcp dport ${flow.port} `);

/** What a rule of the output chain lets through: an address and the traffic to it, each. */
function placesOf(rule: string): readonly string[] {
  const [, several, one, traffic] =
    /^ip daddr (?:\{ (.*?) \}|(\S+)) (ip protocol 112|tcp dport \d+)/.exec(rule) ?? [];
  return (several?.split(', ') ?? [one]).map((address) => `${address} ${traffic}`);
}

describe.each(Object.entries(stacks))('%s', (_name, stack) => {
  const spec = specOf(stack);
  const flows = deriveFlows(spec).filter((flow) => flow.protocol !== 'icmp');
  const addressOf = (name: string) => hostNamed(spec, name).address;

  it.each(spec.hosts)('$name lets in each of its flows, and has no rule beyond', (host) => {
    const rules = [...accepts(spec, host, 'input')];
    const expected = flows.filter((flow) => flow.to === host.name);
    expect(rules).toHaveLength(expected.length);
    for (const flow of expected) {
      const at = rules.findIndex(
        (rule) =>
          rule.includes(what(flow)) &&
          (flow.from === 'any'
            ? !rule.includes('saddr')
            : flow.from === 'operators'
              ? rule.includes('@operators')
              : flow.from.every((name) => rule.includes(addressOf(name)))),
      );
      expect(at, `${flow.service}: ${flow.purpose}`).toBeGreaterThanOrEqual(0);
      rules.splice(at, 1);
    }
  });

  it.each(spec.hosts)('$name lets out what the flows start at it, or everything', (host) => {
    const rules = accepts(spec, host, 'output');
    if (spec.network.egress === 'allow') return expect(rules).toEqual([]);
    const leaving = flows.filter(
      (flow) => flow.to !== host.name && (flow.from === 'any' || flow.from.includes(host.name)),
    );
    // A server's own system speaks to whoever gives it names, time and packages.
    const system = rules.filter((rule) => /sshd: answers|names|time|DHCP|Debian packages/.test(rule));
    expect(system).toHaveLength(host.ssh === undefined ? 0 : 5);
    const expected = leaving.flatMap((flow) => {
      const floating = flow.from === 'any' || flow.floating === true ? spec.site.addresses : [];
      return [addressOf(flow.to), ...floating].map((address) => `${address} ${what(flow).trim()}`);
    });
    const places = rules.filter((rule) => !system.includes(rule)).flatMap(placesOf);
    // The rules are sets of hosts; what they let through, address by address, is what the flows say and no more.
    expect([...new Set(places)].sort()).toEqual([...new Set(expected)].sort());
    return undefined;
  });

  it.each(spec.hosts)('$name has one rule for a service, however many hosts it is on', (host) => {
    const rules = accepts(spec, host, 'output').filter((rule) => rule.startsWith('ip daddr'));
    const comments = rules.map((rule) => /comment "(.*)"/.exec(rule)?.[1]);
    expect(comments).toHaveLength(new Set(comments).size);
  });
});

describe('operators', () => {
  // Past the stack file's own rules, which are stricter.
  const rulesFor = (operators: string[]) => {
    const reference = referenceSpec();
    const spec: Spec = { ...reference, network: { ...reference.network, operators } };
    const host = hostNamed(spec, 'lb-1');
    const service = firewallService({ spec, host, material: fixedMaterial(spec) });
    using sandbox = new Sandbox([service]);
    const { output } = sandbox.validate(service, host.address);
    return { output, text: service.files[0]?.content ?? '' };
  };

  it('may overlap', () => {
    expect(rulesFor(['10.0.0.0/8', '10.77.0.1', '10.77.0.0/24']).output).toBe('');
  });

  it('may be nobody', () => {
    const { output, text } = rulesFor([]);
    expect(output).toBe('');
    expect(text).not.toContain('@operators');
  });
});

describe('receivers of alerts', () => {
  const outputOf = (host: string, alerts: object, egress: 'allow' | 'deny' = 'deny') => {
    const spec = referenceSpec({ monitoring: { alerts }, network: { egress } });
    const rules = accepts(spec, hostNamed(spec, host), 'output');
    return rules.filter((rule) => rule.startsWith('meta skuid'));
  };
  const webhook = (url: string) => ({ webhooks: [{ url }] });

  it('are reached by what monitors alone, from the hosts that tell', () => {
    const alerts = webhook('http://192.0.2.9:8080/hook');
    const rule =
      'meta skuid prometheus ip daddr 192.0.2.9 tcp dport 8080 ct state new accept comment "receivers of alerts"';
    expect(outputOf('lb-1', alerts)).toEqual([rule]);
    expect(outputOf('lb-2', alerts)).toEqual([rule]);
    expect(outputOf('server-1', alerts)).toEqual([]);
    expect(outputOf('lb-1', alerts, 'allow')).toEqual([]);
  });

  it('may have names, which are then looked up', () => {
    const rules = outputOf('lb-1', {
      ...webhook('https://alerts.example/hook'),
      email: { to: ['a@b.example'], from: 'c@d.example', smtp: '192.0.2.25:587' },
    });
    expect(rules.map((rule) => rule.replace(/ ct state new.*/, ''))).toEqual([
      'meta skuid prometheus tcp dport 443',
      'meta skuid prometheus ip daddr 192.0.2.25 tcp dport 587',
      'meta skuid prometheus udp dport 53',
      'meta skuid prometheus tcp dport 53',
    ]);
  });

  it('are rules that nft takes', () => {
    const spec = referenceSpec({ monitoring: { alerts: webhook('https://alerts.example/hook') } });
    const host = hostNamed(spec, 'lb-1');
    const service = firewallService({ spec, host, material: fixedMaterial(spec) });
    using sandbox = new Sandbox([service]);
    expect(sandbox.validate(service, host.address).output).toBe('');
  });
});

describe('in the kernel', () => {
  it('a second load replaces the first, and the block-list stays', () => {
    const spec = referenceSpec();
    const service = firewallService({
      spec,
      host: hostNamed(spec, 'server-1'),
      material: fixedMaterial(spec),
    });
    using sandbox = new Sandbox([service]);
    const script = [
      "nft 'add table inet tandem_blocklist; add chain inet tandem_blocklist early'",
      `${quoted(service.command)} && nft list ruleset > /tmp/first.$$`,
      `${quoted(service.command)} && nft list ruleset > /tmp/second.$$`,
      'cmp /tmp/first.$$ /tmp/second.$$ && nft list tables; rm -f /tmp/first.$$ /tmp/second.$$',
    ].join('\n');
    expect(sandbox.run(script).output).toBe('table inet tandem_blocklist\ntable inet tandem\n');
  });
});

function quoted(command: readonly string[]): string {
  return command.map((word) => `'${word}'`).join(' ');
}
