/** HTTPS servers in the place of agents, which answer as a test says. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { ClientIdentity } from '#src/adapters/agent-client.ts';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import type { StackAccess } from '#src/provision/health.ts';
import { ports } from '#src/topology/ports.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

export interface FakeAgents {
  /** Of whoever asks them. */
  readonly identity: ClientIdentity;
  close(): void;
}

/** One at each of the addresses, which must be the test's own. */
export async function fakeAgents(
  addresses: readonly string[],
  answer: (request: IncomingMessage, response: ServerResponse, address: string) => void,
): Promise<FakeAgents> {
  const authority = await createAuthority('test', Date.now());
  const leaf = await issueLeaf(authority, { commonName: 'agent', names: addresses }, Date.now());
  const servers = addresses.map((address) =>
    createServer({ key: leaf.key, cert: leaf.certificate }, (request, response) =>
      answer(request, response, address),
    ).listen(ports.agent, address),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    identity: { ca: authority.certificate, ...leaf },
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

/** A stack of these hosts of the reference one; the agent at `address` is that of each, and its services run. */
export function stackAt(address: string, { identity }: FakeAgents, names: readonly string[]): StackAccess {
  const spec = referenceSpec();
  const hosts = spec.hosts.filter(({ name }) => names.includes(name));
  const services = ['agent', 'haproxy'].map((name) => ({ name, state: 'running' }));
  return {
    spec: { ...spec, hosts: hosts.map((host) => ({ ...host, address })) },
    infrastructure: {
      driver: () => ({ services: () => Promise.resolve(services) }) as never,
      agent: () => Promise.resolve({ address }),
      site: () => Promise.resolve(undefined),
    },
    operator: () => Promise.resolve(identity),
    caFile: '',
  };
}
