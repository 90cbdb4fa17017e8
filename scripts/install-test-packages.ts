/** Installs the Debian packages that the test suite and the benchmarks drive; called by `npm test`. */

import { reportError } from '#src/cli/output.ts';
import { Progress } from '#src/cli/progress.ts';
import { installPackages } from '#src/provision/packages/install.ts';

const dataPlane = [
  'etcd-client',
  'etcd-server',
  'haproxy',
  'iproute2',
  'keepalived',
  'mariadb-backup',
  'mariadb-server',
  'nftables',
  'nginx-light',
  'prometheus',
  'prometheus-alertmanager',
  'prometheus-mysqld-exporter',
  'prometheus-node-exporter',
];
const tools = [
  'caddy',
  'curl',
  'iputils-ping',
  'nghttp2-client',
  'nmap',
  'openssl',
  'sysbench',
  'tshark',
  'wrk',
];

try {
  await installPackages([...dataPlane, ...tools], new Progress());
} catch (error) {
  process.exitCode = reportError(error, true);
}
