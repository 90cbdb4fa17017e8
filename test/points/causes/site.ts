/** Causes of the alerts on what users see. */
import { createConnection } from 'node:net';
import { type Cause, expected, freeze, repeat } from './cause.ts';

export const siteCauses: readonly Cause[] = [
  {
    what: 'all applications hang, and users ask',
    alerts: expected('WebTierDown', 'ErrorRatio'),
    group: 'applications',
    async provoke({ lab }) {
      const apps = ['server-1', 'server-2'].flatMap((host) =>
        ['app-1', 'app-2'].map((service) => [host, service] as const),
      );
      const heal = await freeze(lab, apps);
      const stop = repeat(200, () => lab.fetch('/api/users', { timeoutMs: 20_000 }));
      return async () => {
        await heal();
        // Resolved only while somebody is answered well.
        setTimeout(() => void stop(), 90_000);
      };
    },
  },
  {
    what: 'the applications of one web host hang',
    alerts: [{ name: 'WebHostDown', instance: 'server-2' }],
    group: 'figures',
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-2', 'app-1'],
        ['server-2', 'app-2'],
      ]);
    },
  },
  {
    what: 'HAProxy hangs on both balancers',
    alerts: expected('AddressUnheld', 'BalancerTierDown'),
    group: 'tiers',
    async provoke({ lab }) {
      return freeze(lab, [
        ['lb-1', 'haproxy'],
        ['lb-2', 'haproxy'],
      ]);
    },
  },
  {
    what: 'the passive balancer has the floating address too',
    alerts: expected('AddressHeldTwice'),
    group: 'figures',
    async provoke({ lab }) {
      const { balancer, site } = await lab.status();
      const passive = balancer.active === 'lb-1' ? 'lb-2' : 'lb-1';
      const address = `${site.address}/${lab.subnet.split('/')[1]}`;
      // Again and again: whoever is the master by right makes the network forget it, and its agent may take it off.
      const stop = repeat(500, () => lab.exec(passive, 'ip', 'address', 'add', address, 'dev', 'eth0'));
      return async () => {
        await stop();
        await lab.exec(passive, 'ip', 'address', 'del', address, 'dev', 'eth0');
      };
    },
  },
  {
    what: 'clients hold connections to HAProxy, their requests unfinished',
    alerts: expected('BalancerSaturated'),
    group: 'errant',
    async provoke({ lab }) {
      const { site } = await lab.status();
      const sockets = Array.from({ length: 550 }, () => {
        const socket = createConnection({ host: site.address, port: 80 });
        socket.on('error', () => undefined);
        socket.write('GET / HTTP/1.1\r\n');
        return socket;
      });
      // HAProxy closes those that say nothing for long.
      const trickle = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write('x-slow: 1\r\n');
      }, 10_000);
      return async () => {
        clearInterval(trickle);
        for (const socket of sockets) socket.destroy();
      };
    },
  },
];
