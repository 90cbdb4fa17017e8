/** Causes of the alerts on monitoring itself, and of maintenance. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cause, exec, expected, freeze, members, sql } from './cause.ts';

export const monitoringCauses: readonly Cause[] = [
  {
    what: 'an exporter hangs',
    alerts: [{ name: 'TargetDown', instance: 'server-1' }],
    group: 'figures',
    async provoke({ lab }) {
      return freeze(lab, [['server-1', 'node-exporter']]);
    },
  },
  {
    what: "MariaDB's account for figures is gone",
    alerts: expected('DatabaseUnseen'),
    group: 'certificate',
    async provoke({ lab }) {
      const { primary } = await members(lab);
      await sql(lab, primary.host, 'DROP USER prometheus@localhost');
      return async () => {
        const now = (await members(lab)).primary.host;
        await sql(
          lab,
          now,
          'CREATE USER prometheus@localhost IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 3',
        );
      };
    },
  },
  {
    what: "Prometheus' rules can't be read",
    alerts: expected('PrometheusTrouble'),
    group: 'figures',
    async provoke({ lab }) {
      const file = join(await lab.stateDirectory(), 'hosts/lb-1/config/prometheus/rules.yml');
      const before = await readFile(file, 'utf8');
      const reload = () => lab.signalService('lb-1', 'prometheus', 'SIGHUP');
      await writeFile(file, 'groups: nothing\n');
      await reload();
      return async () => {
        await writeFile(file, before);
        await reload();
      };
    },
  },
  {
    what: 'a receiver refuses what it is told',
    alerts: [...expected('AlertsUndelivered'), { name: 'TargetDown', instance: 'server-2' }],
    group: 'aside',
    async provoke({ lab, other }) {
      other.refuses = true;
      // Something that there is to tell.
      const heal = await freeze(lab, [['server-2', 'node-exporter']]);
      return async () => {
        other.refuses = false;
        await heal();
      };
    },
  },
  {
    what: 'the two Alertmanagers do not reach each other',
    alerts: expected('AlertmanagersApart'),
    group: 'aside',
    separates: true,
    async provoke({ lab }) {
      const rules =
        'table inet test_cut { chain output { type filter hook output priority -10; tcp dport 9094 drop; tcp sport 9094 drop; }; }';
      await exec(lab, 'lb-1', 'nft', rules);
      return async () => {
        await exec(lab, 'lb-1', 'nft', 'delete table inet test_cut');
      };
    },
  },
  {
    what: 'maintenance was begun thirteen hours ago',
    alerts: expected('MaintenanceLong'),
    group: 'maintenance',
    async provoke({ lab }) {
      await lab.expect('maintenance', 'on');
      const tls = [
        '--cacert=/etc/tandem/etcd/ca.pem',
        '--cert=/etc/tandem/etcd/host.pem',
        '--key=/etc/tandem/etcd/host.key',
      ];
      const { hosts } = await lab.status();
      const endpoint = `--endpoints=https://${hosts.find(({ name }) => name === 'lb-1')?.address}:2379`;
      const record = JSON.stringify({ by: 'test', sinceMs: Date.now() - 13 * 3_600_000 });
      await exec(
        lab,
        'lb-1',
        ...[
          'env',
          'ETCDCTL_API=3',
          'etcdctl',
          ...tls,
          endpoint,
          'put',
          '/tandem/database/maintenance',
          record,
        ],
      );
      return async () => {
        await lab.expect('maintenance', 'off');
      };
    },
  },
];
