/**
 * Where things lie on a host. The same absolute paths in the lab and on real hosts: a lab host has a mount namespace
 * in which these five directories are its own.
 */
export const hostPaths = {
  /** Rendered files; nothing else writes here. */
  config: '/etc/tandem',
  /** Data that outlives a restart: databases, quorum, the agent's own files. */
  data: '/var/lib/tandem',
  /** Sockets, pid files and other state that a reboot may clear. */
  run: '/run/tandem',
  /** `<service>.log`, rotated. */
  logs: '/var/log/tandem',
  /** Tandem's own code (`code/`) with its Node.js runtime, and the application's releases (`app/`). */
  releases: '/opt/tandem',
} as const;

export const codeDirectory = `${hostPaths.releases}/code`;
/** The application's releases on a web host: `releases/HASH`, and what is below. */
export const applicationDirectory = `${hostPaths.releases}/app`;
/** A symbolic link to the release that the application's processes start from. */
export const appDirectory = `${applicationDirectory}/current`;
/** The Node.js runtime that the lockfile pins, as an executable on the host. */
export const nodeProgram = `${codeDirectory}/scripts/node.sh`;
/** Lab supervisor's (HTTP over a unix socket); the same host only. */
export const supervisorSocket = `${hostPaths.run}/supervisor.sock`;
/** Identity of the host for mutual TLS, readable by root only. */
export const hostTls = {
  ca: `${hostPaths.config}/tls/ca.pem`,
  certificate: `${hostPaths.config}/tls/host.pem`,
  key: `${hostPaths.config}/tls/host.key`,
} as const;
