/** Rules on monitoring: hosts that exist, receivers that can be reached. */
import type { Issue } from '#src/std/errors.ts';
import { isIpv4 } from '#src/std/ipv4.ts';
import { nearest } from './describe.ts';
import type { Rule } from './rule.ts';
import type { ParsedStack } from './schema.ts';

export const monitoringErrors: readonly Rule[] = [
  { reads: ['monitoring', 'hosts'], check: unknownHosts },
  { reads: ['monitoring'], check: unreachableReceivers },
  { reads: ['monitoring'], check: halfAnAccount },
];

function unknownHosts({ monitoring, hosts }: ParsedStack): readonly Issue[] {
  if (monitoring === false) return [];
  const known = Object.keys(hosts);
  const named = monitoring.hosts ?? [];
  return named.flatMap((name, index): readonly Issue[] => {
    const path = `monitoring.hosts.${index}`;
    if (named.indexOf(name) < index)
      return [{ path, message: `${name} is in the list already`, hint: 'Remove it.' }];
    if (known.includes(name)) return [];
    const near = nearest(name, known);
    const hint = near === undefined ? `The hosts are: ${known.join(', ')}.` : `Did you mean '${near}'?`;
    return [{ path, message: `'${name}' is not a host of this stack`, hint }];
  });
}

function unreachableReceivers({ monitoring }: ParsedStack): readonly Issue[] {
  if (monitoring === false) return [];
  const { webhooks, email } = monitoring.alerts;
  const places = [
    ...webhooks.map(({ url }, index) => ({
      path: `monitoring.alerts.webhooks.${index}.url`,
      place: url.replace(/^https?:\/\//, '').replace(/\/.*$/, ''),
    })),
    ...(email === undefined ? [] : [{ path: 'monitoring.alerts.email.smtp', place: email.smtp }]),
  ];
  return places.flatMap(({ path, place }): readonly Issue[] => {
    const [name = '', port] = place.split(':');
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
      return [{ path, message: `${port} is no port`, hint: 'Ports are 1 to 65535.' }];
    if (/^[0-9.]+$/.test(name) && !isIpv4(name))
      return [{ path, message: `${name} is no IPv4 address`, hint: 'Write an address or a name.' }];
    return [];
  });
}

function halfAnAccount({ monitoring }: ParsedStack): readonly Issue[] {
  const email = monitoring === false ? undefined : monitoring.alerts.email;
  if (email === undefined || (email.username === undefined) === (email.passwordFile === undefined)) return [];
  const [missing, there] =
    email.username === undefined ? ['username', 'passwordFile'] : ['passwordFile', 'username'];
  return [
    {
      path: `monitoring.alerts.email.${missing}`,
      message: `is missing: ${there} is given`,
      hint: 'A mail account takes both, or neither.',
    },
  ];
}
