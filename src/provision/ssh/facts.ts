/** Facts of a server, read from what the preflight script says, and what is wrong with them. No I/O. */
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import type { Issue } from '#src/std/errors.ts';
import { isIpv4, networkAround } from '#src/std/ipv4.ts';
import { deriveFlows } from '#src/topology/flows.ts';

export interface ServerFacts {
  /** Lines by their first word, the rest of each as text. */
  readonly all: (key: string) => readonly string[];
  readonly one: (key: string) => string;
}

export interface FactsContext {
  readonly spec: Spec;
  readonly host: HostSpec;
  /** Of this machine, when the script ran: between these, milliseconds since the Unix epoch. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** Identity of the stack, when it has one already. */
  readonly stackId: string | undefined;
  /** As Node.js names it (`x64`): what the shipped runtime is for. */
  readonly architecture: string;
}

export function parseFacts(text: string): ServerFacts {
  const lines = text.split('\n').map((line) => {
    const place = line.indexOf(' ');
    return place === -1
      ? ([line, ''] as const)
      : ([line.slice(0, place), line.slice(place + 1).trim()] as const);
  });
  const all = (key: string) => lines.filter(([name]) => name === key).map(([, value]) => value);
  return { all, one: (key) => all(key)[0] ?? '' };
}

/** TCP ports that services of the host will listen on. */
export function portsOf(spec: Spec, host: HostSpec): readonly number[] {
  const own = deriveFlows(spec).filter((flow) => flow.to === host.name && flow.service !== 'sshd');
  return [...new Set(own.flatMap((flow) => flow.port ?? []))].sort((left, right) => left - right);
}

const checks = [system, architecture, clock, owner, ports, disk, kernel, network, access];

export function problemsOf(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  // What is no Debian with systemd is not worth a second look.
  const first = system(facts, context);
  return first.length > 0 ? first : checks.flatMap((check) => check(facts, context));
}

function issue({ host }: FactsContext, message: string, hint: string): readonly Issue[] {
  return [{ path: host.name, message, hint }];
}

function system(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const name = facts.one('system');
  const debian = name === 'debian 12' && facts.all('feature').includes('apt');
  return [
    ...(debian
      ? []
      : issue(
          context,
          `runs ${name.trim() === '' ? 'an unknown system' : `'${name}'`}, not Debian 12`,
          'Install Debian 12 (bookworm) on it, or name another server.',
        )),
    ...(facts.one('init') === 'systemd'
      ? []
      : issue(
          context,
          `was not started by systemd (process 1 is '${facts.one('init')}')`,
          'Tandem runs its services as systemd units: use a whole machine or a system container.',
        )),
  ];
}

const machines: Readonly<Record<string, string>> = { x86_64: 'x64', aarch64: 'arm64' };

function architecture(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const machine = facts.one('machine');
  if (machines[machine] === context.architecture) return [];
  return issue(
    context,
    `is ${machine}, and the Node.js of this machine, which is shipped to it, is for ${context.architecture}`,
    'Run tandem from a machine of the same architecture.',
  );
}

/** Leases, certificates and logs go by the clock. */
const clockLimitMs = 3_000;

function clock(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const now = Number(facts.one('now')) * 1_000;
  const ahead = now - context.answeredMs;
  const behind = context.askedMs - now;
  const off = Math.max(ahead, behind);
  if (off <= clockLimitMs) return [];
  return issue(
    context,
    `its clock is ${span(off)} ${ahead > 0 ? 'ahead of' : 'behind'} this machine's`,
    'Let it keep time by NTP (apt-get install systemd-timesyncd), or mend the clock here.',
  );
}

function span(durationMs: number): string {
  const seconds = Math.round(durationMs / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function owner(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const text = facts.one('marker');
  if (text === '') return [];
  const { stack, stackId } = parseMarker(text);
  if (stackId !== undefined && stackId === context.stackId) return [];
  const whose =
    stack === context.spec.stack ? `another stack of the same name '${stack}'` : `the stack '${stack}'`;
  return issue(
    context,
    `is a server of ${whose}`,
    "Take it out of that stack ('tandem down --purge' there), or name another server. Its data is not touched.",
  );
}

function parseMarker(text: string): { stack?: string; stackId?: string } {
  try {
    return JSON.parse(text) as { stack?: string; stackId?: string };
  } catch {
    return {};
  }
}

function ports(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const taken = new Map(
    facts
      .all('listens')
      .map((line) => line.split(' '))
      .filter(([, , unit = '']) => !unit.startsWith('tandem-'))
      .map(([port = '', program = '', unit = '']) => [port, { program, unit }]),
  );
  return [...taken].flatMap(([port, { program, unit }]) =>
    issue(
      context,
      `port ${port} is taken by ${program}${unit === '-' ? '' : ` (${unit})`}, which is not Tandem's`,
      unit === '-'
        ? `End ${program}, or name another server.`
        : `If it is not needed: systemctl disable --now ${unit}. Otherwise name another server.`,
    ),
  );
}

/** Packages and the release take 700 MB; databases and logs want room as well. */
const leastFreeKib = 1_572_864;

function disk(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  // A server that is up already has what it needs, and an `up` may be what makes room.
  if (facts.one('marker') !== '') return [];
  const short = facts
    .all('free')
    .map((line) => line.split(' '))
    .filter(([, free]) => Number(free) < leastFreeKib);
  const [first] = short;
  if (first === undefined) return [];
  return issue(
    context,
    `has only ${Math.floor(Number(first[1]) / 1_024)} MiB free in ${first[0]}; it takes ${leastFreeKib / 1_024}`,
    'Make room, or name a larger server.',
  );
}

const netAdmin = 1n << 12n;

function kernel(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const capabilities = BigInt(`0x${facts.one('capabilities') || '0'}`);
  if ((capabilities & netAdmin) === 0n)
    return issue(
      context,
      'does not let root administer its network (no CAP_NET_ADMIN)',
      'It is a container: give it that capability, or use a virtual machine.',
    );
  if (facts.all('feature').includes('nftables')) return [];
  return issue(context, 'its kernel has no nftables', 'Load or build the module nf_tables.');
}

function network(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const { host } = context;
  const found = facts.one('interface');
  if (found === host.interface) return [];
  if (found === '')
    return issue(
      context,
      `has no address ${host.address}`,
      `Give it that address, or set hosts.${host.name}.address to the one that it has in the stack's network.`,
    );
  return issue(
    context,
    `has ${host.address} on ${found}, not on ${host.interface}`,
    `Set hosts.${host.name}.interface: ${found}.`,
  );
}

/** The firewall must not shut out the one who brings it up. */
function access(facts: ServerFacts, context: FactsContext): readonly Issue[] {
  const [client = '', , , port] = facts.one('connection').split(' ');
  if (client === '') return [];
  const { spec } = context;
  const { operators } = spec.network;
  const problems = isIpv4(client)
    ? operators.some((operator) => covers(operator, client))
      ? []
      : issue(
          context,
          `is reached from ${client}, which is no address of network.operators: its firewall would shut you out`,
          `Add ${client}, or the network that it is in, to network.operators.`,
        )
    : issue(
        context,
        `is reached over IPv6 (${client}), which its firewall drops`,
        'Use an IPv4 address as its ssh destination.',
      );
  if (port === undefined || Number(port) === spec.ssh.port) return problems;
  return [
    ...problems,
    ...issue(
      context,
      `its sshd is on port ${port}, and the firewall would open port ${spec.ssh.port}`,
      `Set ssh.port: ${port}.`,
    ),
  ];
}

function covers(addressOrCidr: string, address: string): boolean {
  const [network = '', length = '32'] = addressOrCidr.split('/');
  return networkAround(`${address}/${length}`) === networkAround(`${network}/${length}`);
}
