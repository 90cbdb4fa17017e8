/** Who may talk to whom: the reference stack's flows, and what holds for every stack. */
import { describe, expect, it } from 'vitest';
import { deriveFlows, type Flow } from '#src/topology/flows.ts';
import { ports } from '#src/topology/ports.ts';
import { referenceSpec, specOf } from '#test/fixtures/spec.ts';
import { stacks } from '#test/golden/stacks.ts';

const short = ({ from, to, protocol, port }: Flow) =>
  `${typeof from === 'string' ? from : from.join('+')} > ${to} ${protocol}${port === undefined ? '' : ` ${port}`}`;

describe('the reference stack', () => {
  const spec = referenceSpec();
  const flows = deriveFlows(spec);

  it('lets everybody reach the site, and nothing else', () => {
    const open = flows.filter((flow) => flow.from === 'any' && flow.protocol === 'tcp');
    expect(open.map(short)).toEqual([
      'any > lb-1 tcp 80',
      'any > lb-1 tcp 443',
      'any > lb-2 tcp 80',
      'any > lb-2 tcp 443',
    ]);
    expect(open.every((flow) => flow.limited)).toBe(true);
  });

  it('lets only balancers reach nginx, and only web and database hosts reach MariaDB', () => {
    const to = (port: number) => flows.filter((flow) => flow.port === port).map(short);
    expect(to(ports.web)).toEqual(['lb-1+lb-2 > server-1 tcp 8443', 'lb-1+lb-2 > server-2 tcp 8443']);
    expect(to(ports.mariadb)).toEqual(['server-2 > server-1 tcp 3306', 'server-1 > server-2 tcp 3306']);
  });

  it('has no SSH in the lab', () => {
    expect(flows.filter((flow) => flow.port === ports.ssh)).toEqual([]);
  });
});

describe.each(Object.entries(stacks))('%s', (_name, stack) => {
  const spec = specOf(stack);
  const flows = deriveFlows(spec);
  const names = spec.hosts.map((host) => host.name);

  it('has flows between hosts that exist, and none of a host to itself', () => {
    for (const flow of flows) {
      expect(names).toContain(flow.to);
      if (typeof flow.from === 'string') continue;
      expect(flow.from.length).toBeGreaterThan(0);
      for (const from of flow.from) {
        expect(names).toContain(from);
        expect(from).not.toBe(flow.to);
      }
    }
  });

  it('encrypts whatever carries content', () => {
    const plain = flows.filter((flow) => flow.protocol === 'tcp' && flow.encryption === 'none');
    expect(plain.map(short)).toEqual([]);
  });
});
