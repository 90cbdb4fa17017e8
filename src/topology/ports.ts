/** Ports between the hosts. Public ones are in the stack file (`site.httpPort`, `site.httpsPort`). */
export const ports = {
  /** nginx, TLS inside, from the balancers. */
  web: 8443,
  /** HAProxy's Prometheus endpoint (mutual TLS). */
  balancerMetrics: 8405,
  /** The agent's HTTPS API (mutual TLS). */
  agent: 8440,
  /** Routers among themselves (mutual TLS). */
  router: 8441,
  /** The dashboard (TLS), for operators. */
  dashboard: 8442,
  etcdClient: 2379,
  etcdPeer: 2380,
  mariadb: 3306,
  /** Prometheus' HTTP API (mutual TLS). */
  prometheus: 9090,
  /** Alertmanager's HTTP API (mutual TLS). */
  alertmanager: 9093,
  /** Alertmanagers among themselves (mutual TLS). */
  alertmanagerCluster: 9094,
  /** node_exporter (mutual TLS). */
  nodeExporter: 9100,
  /** mysqld_exporter (mutual TLS). */
  mysqldExporter: 9104,
  ssh: 22,
} as const;
