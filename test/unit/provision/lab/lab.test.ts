import { describe, expect, it } from 'vitest';
import { fstabWord, hostDirectories, mountTable } from '#src/provision/lab/enter.ts';
import { bridgeName, cableName, linkPrefix, namespaceName } from '#src/provision/lab/names.ts';
import { isolationRules } from '#src/provision/lab/network.ts';
import { basicIssues } from '#src/provision/lab/preflight.ts';
import { type Claim, conflictOf, forwardingHeir, type LabRecord } from '#src/provision/lab/registry.ts';

describe('names', () => {
  it('fit into the 15 characters of an interface name, whatever the stack is called', () => {
    const stack = 'a-very-long-stack-na';
    const host = 'a-very-long-host-nam';
    for (const name of [bridgeName(stack), cableName(stack, host)]) {
      expect(name.length).toBeLessThanOrEqual(15);
      expect(name.startsWith(linkPrefix(stack))).toBe(true);
    }
    expect(namespaceName('shop', 'lb-1')).toBe('tandem-shop-lb-1');
  });
});

const other = (change: Partial<LabRecord>): LabRecord => ({
  stack: 'shop',
  stateDirectory: '/b/.tandem',
  subnet: '10.200.2.0/24',
  hosts: ['lb-1'],
  egress: 'deny',
  createdAtMs: 0,
  enabledForwarding: false,
  ...change,
});

describe("the machine's forwarding", () => {
  it('stays for as long as another lab lets its hosts out', () => {
    const own = other({ stack: 'web', egress: 'allow', enabledForwarding: true });
    const out = other({ egress: 'allow' });
    expect(forwardingHeir('web', [own, other({ stack: 'closed' }), out])).toBe(out);
    expect(forwardingHeir('web', [own, other({})])).toBeUndefined();
  });
});

describe('conflicts of labs', () => {
  const wanted: Claim = {
    stack: 'web',
    stateDirectory: '/a/.tandem',
    subnet: '10.200.1.0/24',
    hosts: ['lb-1'],
    egress: 'deny',
  };

  it('are none between labs of different names and subnets, nor with the lab itself', () => {
    expect(conflictOf(wanted, [other({}), other({ ...wanted })])).toBeUndefined();
  });

  it('are a name that is up from another state directory', () => {
    expect(conflictOf(wanted, [other({ stack: 'web' })])?.code).toBe('lab-name-taken');
  });

  it('are subnets that overlap', () => {
    expect(conflictOf(wanted, [other({ subnet: '10.200.0.0/16' })])?.code).toBe('subnet-taken');
  });

  it('are hosts whose full names are the same', () => {
    const conflict = conflictOf({ ...wanted, hosts: ['a-lb-1'] }, [
      other({ stack: 'web-a', hosts: ['lb-1'] }),
    ]);
    expect(conflict?.code).toBe('lab-name-taken');
  });
});

describe('mount table', () => {
  const shared = { code: '/srv/my code', cache: '/s/cache' };
  const targets = (state: string) =>
    mountTable(hostDirectories(state, 'h'), shared)
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ')[1]);

  it('binds code, app and the five host paths, with blanks escaped', () => {
    const table = mountTable(hostDirectories('/s', 'h'), shared);
    expect(table).toContain('/srv/my\\040code /s/hosts/h/releases/code none rbind,ro 0 0');
    expect(targets('/s').slice(-5)).toEqual([
      '/etc/tandem',
      '/var/lib/tandem',
      '/var/log/tandem',
      '/opt/tandem',
      '/run/tandem',
    ]);
  });

  it('binds over the directory that holds the state last', () => {
    expect(targets('/var/lib/tandem/x').at(-1)).toBe('/var/lib/tandem');
    expect(targets('/opt/tandem/code/.tandem').at(-1)).toBe('/opt/tandem');
  });

  it('escapes what fstab would read as more than a word', () => {
    expect(fstabWord('a b\\c#d')).toBe('a\\040b\\134c\\043d');
  });
});

describe('isolation', () => {
  const network = { stack: 'web', subnet: '10.200.1.0/24', gateway: '10.200.1.1' };

  it('forwards nothing without egress', () => {
    const rules = isolationRules({ ...network, egress: 'deny' });
    const bridge = `"${bridgeName('web')}"`;
    expect(rules).toContain(`iifname ${bridge} oifname != ${bridge} drop`);
    expect(rules).toContain(`oifname ${bridge} iifname != ${bridge} drop`);
    expect(rules).not.toContain('masquerade');
  });

  it('lets hosts out with egress, but not into another lab, and nobody in', () => {
    const rules = isolationRules({ ...network, egress: 'allow' });
    expect(rules).toContain('oifname "td*" drop');
    expect(rules).toContain('masquerade');
    expect(rules).toContain('ct state != { established, related } drop');
  });
});

describe('preflight', () => {
  it('says what is missing on another system, and without root', () => {
    expect(basicIssues('darwin', 501)[0]?.message).toContain('Linux');
    expect(basicIssues('linux', 1_000)[0]?.hint).toContain('root');
    expect(basicIssues('linux', 0)).toEqual([]);
  });
});
