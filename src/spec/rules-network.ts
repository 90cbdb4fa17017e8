/** Rules on addresses and ports. */
import type { Issue } from '#src/std/errors.ts';
import { ipv4ToNumber, isIpv4, parseSubnet, subnetContains, subnetsOverlap } from '#src/std/ipv4.ts';
import { covers, floatingCount } from './addresses.ts';
import type { Rule } from './rule.ts';
import type { ParsedStack } from './schema.ts';
import { hostsWithRole, type Spec } from './spec.ts';

export const networkErrors: readonly Rule[] = [
  { reads: ['network.subnet'], check: unusableSubnet },
  { reads: ['network.subnet', 'hosts.*.roles', 'balancer.mode', 'site.addresses'], check: smallSubnet },
  { reads: ['network.subnet'], check: outsideAddresses },
  { reads: [], check: sharedAddresses },
  { reads: ['network.subnet', 'hosts.*.roles'], check: sharedServerIds },
  { reads: ['hosts.*.roles', 'balancer.mode', 'site.addresses'], check: floatingAddresses },
  { reads: ['network.operators'], check: repeatedOperators },
  { reads: ['site.httpPort', 'site.httpsPort'], check: samePorts },
  { reads: [], check: takenPorts },
];

export const networkWarnings: readonly Rule[] = [
  { reads: ['network.subnet'], check: publicSubnet },
  { reads: ['network.operators'], check: everybodyOperates },
];

/** The addresses that the user wrote, with where; those that Tandem chose can not be wrong. */
function writtenAddresses(parsed: ParsedStack): readonly { path: string; address: string }[] {
  return [
    ...Object.entries(parsed.hosts).flatMap(([name, { address }]) =>
      address === undefined ? [] : [{ path: `hosts.${name}.address`, address }],
    ),
    ...(parsed.site.addresses ?? []).map((address, index) => ({ path: `site.addresses.${index}`, address })),
  ];
}

const unusable: readonly (readonly [network: string, what: string])[] = [
  ['0.0.0.0/8', '"this network"'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/3', 'multicast or reserved'],
];

function unusableSubnet(parsed: ParsedStack): readonly Issue[] {
  const subnet = parseSubnet(parsed.network.subnet);
  const found = unusable.find(([network]) => subnetsOverlap(parseSubnet(network), subnet));
  if (found === undefined) return [];
  return [
    {
      path: 'network.subnet',
      message: `${subnet.text} holds ${found[1]} addresses (${found[0]}), which no host can have`,
      hint: 'Choose a private network, such as 10.77.0.0/24.',
    },
  ];
}

function smallSubnet(parsed: ParsedStack): readonly Issue[] {
  const subnet = parseSubnet(parsed.network.subnet);
  const hosts = Object.keys(parsed.hosts).length;
  const floating = parsed.site.addresses?.length ?? floatingCount(parsed);
  // Network, gateway and broadcast are nobody's.
  const needed = hosts + floating + 3;
  if (2 ** (32 - subnet.prefixLength) >= needed) return [];
  return [
    {
      path: 'network.subnet',
      message: `${subnet.text} is too small for ${hosts} hosts, ${floating} floating ${floating === 1 ? 'address' : 'addresses'} and this machine`,
      hint: `Choose a /${32 - Math.ceil(Math.log2(needed))} or larger.`,
    },
  ];
}

function outsideAddresses(parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const subnet = parseSubnet(parsed.network.subnet);
  return writtenAddresses(parsed).flatMap(({ path, address }) => {
    if (!subnetContains(subnet, address))
      return [
        {
          path,
          message: `${address} is not a host address of network.subnet (${subnet.text})`,
          hint: 'Choose an address inside, or a subnet that holds it.',
        },
      ];
    if (address === spec.network.gateway)
      return [
        {
          path,
          message: `${address} is the first address of network.subnet: in a lab it is this machine's own`,
          hint: 'Choose another.',
        },
      ];
    return [];
  });
}

function sharedAddresses(parsed: ParsedStack): readonly Issue[] {
  const written = writtenAddresses(parsed);
  return written.flatMap(({ path, address }, index) => {
    const first = written.findIndex((other) => other.address === address);
    if (first === index) return [];
    return [{ path, message: `${address} is taken by ${written[first]?.path}`, hint: 'Choose another.' }];
  });
}

/** Only in a network larger than a /16: a member's server id is the last half of its address (topology/server-id.ts). */
function sharedServerIds(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const members = hostsWithRole(spec, 'database').map(({ name, address }) => ({
    name,
    address,
    id: ipv4ToNumber(address) % 65_536,
  }));
  return members.flatMap(({ name, address, id }) => {
    const first = members.find((other) => other.id === id);
    // The same address twice is another rule's.
    if (id !== 0 && first?.address === address) return [];
    const why = id === 0 ? "'.0.0'" : `the same two numbers as ${first?.name} (${first?.address})`;
    return [
      {
        path: `hosts.${name}.address`,
        message: `${address} ends in ${why}: MariaDB knows its members by them`,
        hint: 'Choose another.',
      },
    ];
  });
}

function floatingAddresses(parsed: ParsedStack): readonly Issue[] {
  const { mode } = parsed.balancer;
  const given = parsed.site.addresses?.length;
  const balancers = Object.values(parsed.hosts).some((host) => host.roles.includes('balancer'));
  const wanted = floatingCount(parsed);
  if (given === undefined || given === wanted || !balancers) return [];
  return [
    {
      path: 'site.addresses',
      message: `has ${given} ${given === 1 ? 'address' : 'addresses'}, but with balancer.mode ${mode} it should have ${wanted}`,
      hint:
        mode === 'active-active'
          ? 'One floating address for each host with the role balancer; DNS names them all.'
          : 'One floating address, which the active balancer holds.',
    },
  ];
}

/** Firewalls refuse a set with overlapping parts. */
function repeatedOperators(parsed: ParsedStack): readonly Issue[] {
  const operators = parsed.network.operators ?? [];
  return operators.flatMap((operator, index) => {
    const other = operators.find(
      (candidate, place) =>
        place !== index && covers(candidate, operator) && (candidate !== operator || place < index),
    );
    if (other === undefined) return [];
    return [
      {
        path: `network.operators.${index}`,
        message:
          other === operator ? `${operator} is in the list already` : `${operator} is part of ${other}`,
        hint: 'Remove it.',
      },
    ];
  });
}

function samePorts(parsed: ParsedStack): readonly Issue[] {
  const { httpPort, httpsPort } = parsed.site;
  if (httpPort !== httpsPort) return [];
  return [
    {
      path: 'site.httpsPort',
      message: `${httpsPort} is site.httpPort too`,
      hint: 'Choose another; the usual ones are 80 and 443.',
    },
  ];
}

/** Ports that Tandem's own services have on every host; a test holds them against `topology/ports.ts`. */
export const reservedPorts: Readonly<Record<number, string>> = {
  22: 'SSH',
  2379: 'etcd',
  2380: 'etcd',
  3306: 'MariaDB',
  8405: "HAProxy's metrics",
  8440: 'the agent',
  8441: 'the SQL router',
  8442: 'the dashboard',
  8443: 'nginx',
  9090: 'Prometheus',
  9093: 'Alertmanager',
  9094: 'Alertmanager',
  9100: 'the node exporter',
  9104: 'the MariaDB exporter',
};

function takenPorts(parsed: ParsedStack): readonly Issue[] {
  return (['httpPort', 'httpsPort'] as const).flatMap((key) => {
    const owner = reservedPorts[parsed.site[key]];
    if (owner === undefined) return [];
    return [
      {
        path: `site.${key}`,
        message: `${parsed.site[key]} is the port of ${owner} on the hosts`,
        hint: 'Choose another.',
      },
    ];
  });
}

/** RFC 1918, 6598 (carriers), 2544 (benchmarks) and 5737 (documentation): nobody's real machines. */
const privateNetworks = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
];

function publicSubnet(parsed: ParsedStack): readonly Issue[] {
  const { subnet } = parsed.network;
  if (privateNetworks.some((network) => covers(network, subnet))) return [];
  return [
    {
      path: 'network.subnet',
      message: `${subnet} is not a private network: this machine no longer reaches the real owner of its addresses`,
      hint: 'Choose one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.',
    },
  ];
}

function everybodyOperates(parsed: ParsedStack): readonly Issue[] {
  return (parsed.network.operators ?? []).flatMap((operator, index) =>
    isIpv4(operator) || parseSubnet(operator).prefixLength > 0
      ? []
      : [
          {
            path: `network.operators.${index}`,
            message: `${operator} is everybody: SSH and the agents' API are then open to all who reach the hosts`,
            hint: 'Name the networks of your administrators.',
          },
        ],
  );
}
