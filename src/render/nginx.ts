/**
 * nginx, the web server of a web host: TLS inside, static files, requests to the application's processes. Directives as
 * in nginx.org/en/docs (1.22).
 */
import { hostsWithRole } from '#src/spec/spec.ts';
import { staticPath } from '#src/spec/static-path.ts';
import { appDirectory, hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { appSocket } from './app.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, tlsFiles } from './files.ts';
import { defaultRestart, type Service } from './service.ts';

const component = 'nginx';
const configuration = configPath(component, 'nginx.conf');
const runDirectory = `${hostPaths.run}/nginx`;
/** Counts of connections and requests, for the agent. */
export const nginxStatusSocket = `${runDirectory}/status.sock`;
/** Request and answer bodies that do not fit into memory: on disk, as /run is memory. */
const spoolDirectory = `${hostPaths.data}/nginx`;

interface Tls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export function nginxService(context: RenderContext): Service {
  const { material, host } = context;
  const tls = tlsFiles(component, { ca: material.ca, ...(material.hosts[host.name] as KeyPair) }, 'reload');
  return {
    name: 'nginx',
    description: 'Web server: static files, requests to the application',
    kind: 'daemon',
    command: ['/usr/sbin/nginx', '-e', 'stderr', '-c', configuration],
    user: 'root',
    environment: {},
    directories: [
      { path: runDirectory, mode: 0o755, owner: 'root' },
      { path: spoolDirectory, mode: 0o755, owner: 'root' },
    ],
    files: [publicFile(configuration, nginxConfiguration(context, tls), 'reload'), ...tls.files],
    validate: ['/usr/sbin/nginx', '-t', '-q', '-e', 'stderr', '-c', configuration],
    // A killed nginx leaves it behind, and the next one could not listen there.
    beforeStart: [['/bin/rm', '-f', nginxStatusSocket]],
    reload: { kind: 'signal', signal: 'SIGHUP', replacesWorkers: true },
    readiness: { kind: 'tcp', address: host.address, port: ports.web },
    startTimeoutMs: 10_000,
    // SIGQUIT lets requests finish.
    stop: { signal: 'SIGQUIT', timeoutMs: 3_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    openFiles: 65_536,
    confinement: {
      capabilities: [
        'CAP_CHOWN',
        'CAP_DAC_OVERRIDE',
        'CAP_KILL',
        'CAP_SETGID',
        'CAP_SETUID',
        'CAP_SYS_RESOURCE',
      ],
    },
    packages: ['nginx-light'],
  };
}

function nginxConfiguration(context: RenderContext, tls: Tls): string {
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    'daemon off;',
    'user www-data;',
    'worker_processes auto;',
    'worker_rlimit_nofile 65536;',
    // A reload lets the old workers finish what they have.
    'worker_shutdown_timeout 30s;',
    `pid ${runDirectory}/nginx.pid;`,
    'error_log stderr warn;',
    '',
    'events {',
    '    worker_connections 4096;',
    '}',
    '',
    'http {',
    httpSettings(context).map(indented),
    upstream(context).map(indented),
    server(context, tls).map(indented),
    statusServer().map(indented),
    '}',
  );
}

function indented(line: string): string {
  return line === '' ? '' : `    ${line}`;
}

function httpSettings({ spec, host }: RenderContext): readonly string[] {
  return [
    'include /etc/nginx/mime.types;',
    'default_type application/octet-stream;',
    'access_log off;',
    'server_tokens off;',
    'sendfile on;',
    'tcp_nopush on;',
    // Longer than HAProxy keeps an idle connection: the side that sends requests is the one that closes.
    'keepalive_timeout 120s;',
    'keepalive_requests 1000000;',
    `client_max_body_size ${spec.web.maxBodyBytes};`,
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${spoolDirectory}/${kind};`,
    ),
    'gzip on;',
    'gzip_proxied any;',
    'gzip_vary on;',
    'gzip_min_length 512;',
    'gzip_types text/plain text/css text/xml application/javascript application/json application/problem+json application/xml image/svg+xml;',
    // The client's address, as the balancers saw it; nobody else is believed.
    ...hostsWithRole(spec, 'balancer').map((balancer) => `set_real_ip_from ${balancer.address};`),
    'real_ip_header x-forwarded-for;',
    '',
    '# Says who served what the application did not sign itself: static files, errors.',
    'map $upstream_http_x_tandem_host $served_by {',
    `    "" ${host.name};`,
    '    default "";',
    '}',
    'map $http_upgrade $upstream_connection {',
    '    "" "";',
    '    default upgrade;',
    '}',
    '',
  ];
}

function upstream({ spec }: RenderContext): readonly string[] {
  const sockets = Array.from({ length: spec.web.instances }, (_, index) => appSocket(index + 1));
  return [
    'upstream app {',
    // Never set aside: a dead process refuses at once and the next one gets the request, and a restarted one is used
    // again with the first request.
    ...sockets.map((socket) => `    server unix:${socket} max_fails=0;`),
    '    keepalive 32;',
    // Shorter than the application keeps idle connections (Node.js frameworks: 72 s and up).
    '    keepalive_timeout 30s;',
    '}',
    '',
  ];
}

function server(context: RenderContext, tls: Tls): readonly string[] {
  const { spec, host } = context;
  const files = staticPath(spec);
  return [
    'server {',
    `    listen ${host.address}:${ports.web} ssl backlog=4096;`,
    `    ssl_certificate ${tls.certificate};`,
    `    ssl_certificate_key ${tls.key};`,
    `    ssl_client_certificate ${tls.ca};`,
    // Only hosts of this stack.
    '    ssl_verify_client on;',
    '    ssl_protocols TLSv1.2 TLSv1.3;',
    '    ssl_session_cache shared:tls:1m;',
    '    ssl_session_tickets off;',
    '    add_header x-tandem-host $served_by always;',
    '',
    ...(files !== undefined
      ? [
          `    root ${[appDirectory, files].filter(Boolean).join('/')};`,
          '    location = / {',
          ...staticHeaders,
          '        try_files /index.html @app;',
          '    }',
          '    location / {',
          ...staticHeaders,
          '        try_files $uri @app;',
          '    }',
        ]
      : ['    location / {', '        try_files /dev/null @app;', '    }']),
    '    # Asked by the balancers all the time: an answer is only worth having soon.',
    `    location = ${spec.web.app.healthPath} {`,
    ...proxy(context, 800),
    '    }',
    '    location @app {',
    ...proxy(context, spec.balancer.serverTimeoutMs),
    '    }',
    '}',
  ];
}

function statusServer(): readonly string[] {
  return [
    '',
    'server {',
    `    listen unix:${nginxStatusSocket};`,
    '    location / {',
    '        stub_status;',
    '    }',
    '}',
  ];
}

/** A location with headers of its own inherits none. */
const staticHeaders: readonly string[] = [
  '        add_header x-tandem-host $served_by always;',
  '        add_header x-content-type-options nosniff always;',
  '        add_header cache-control "public, max-age=60";',
];

function proxy({ spec }: RenderContext, readTimeoutMs: number): readonly string[] {
  return [
    'proxy_pass http://app;',
    'proxy_http_version 1.1;',
    'proxy_set_header host $http_host;',
    'proxy_set_header upgrade $http_upgrade;',
    'proxy_set_header connection $upstream_connection;',
    'proxy_set_header x-forwarded-for $remote_addr;',
    'proxy_connect_timeout 500ms;',
    `proxy_read_timeout ${readTimeoutMs}ms;`,
    // A request that reached a process and may have had effects (POST, PATCH) is never sent to a second one.
    'proxy_next_upstream error timeout http_502 http_503;',
    `proxy_next_upstream_tries ${Math.min(spec.web.instances, 3)};`,
  ].map((line) => `        ${line}`);
}
