/** nginx, the web server of a web host: TLS inside, static files, requests to the application's processes. */
import { hostsWithRole } from '#src/spec/spec.ts';
import { hostPaths, staticDirectory } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { appSocket } from './app.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, tlsFiles } from './files.ts';
import { defaultRestart, type Service } from './service.ts';

const component = 'nginx';
const configuration = configPath(component, 'nginx.conf');
const runDirectory = `${hostPaths.run}/nginx`;

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
    directories: [{ path: runDirectory, mode: 0o755, owner: 'root' }],
    files: [publicFile(configuration, nginxConfiguration(context, tls), 'reload'), ...tls.files],
    validate: ['/usr/sbin/nginx', '-t', '-q', '-e', 'stderr', '-c', configuration],
    reload: { kind: 'signal', signal: 'SIGHUP' },
    readiness: { kind: 'tcp', address: host.address, port: ports.web },
    startTimeoutMs: 10_000,
    stop: { signal: 'SIGQUIT', timeoutMs: 3_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    openFiles: 65_536,
    packages: ['nginx-light'],
  };
}

function nginxConfiguration(
  context: RenderContext,
  tls: { readonly certificate: string; readonly key: string },
): string {
  const { spec, host } = context;
  const balancers = hostsWithRole(spec, 'balancer').map(
    (balancer) => `    set_real_ip_from ${balancer.address};`,
  );
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    'daemon off;',
    'user www-data;',
    'worker_processes 1;',
    'worker_rlimit_nofile 65536;',
    // A reload lets the old worker finish what it has.
    'worker_shutdown_timeout 30s;',
    `pid ${runDirectory}/nginx.pid;`,
    'error_log stderr warn;',
    'events { worker_connections 8192; }',
    'http {',
    '    include /etc/nginx/mime.types;',
    '    default_type application/octet-stream;',
    '    access_log off;',
    '    server_tokens off;',
    '    sendfile on;',
    '    tcp_nopush on;',
    '    etag on;',
    // Longer than HAProxy keeps an idle connection, so that the side that sends requests is the one that closes.
    '    keepalive_timeout 120s;',
    '    keepalive_requests 1000000;',
    `    client_max_body_size ${spec.web.maxBodyBytes};`,
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `    ${kind}_temp_path ${runDirectory}/${kind};`,
    ),
    '    gzip on;',
    '    gzip_proxied any;',
    '    gzip_vary on;',
    '    gzip_min_length 512;',
    '    gzip_types text/plain text/css application/javascript application/json application/problem+json image/svg+xml;',
    balancers,
    '    real_ip_header x-forwarded-for;',
    '    upstream app {',
    // Both instances down for a moment (a restart) must not take the host out for ten seconds.
    ...Array.from(
      { length: spec.web.instances },
      (_, index) => `        server unix:${appSocket(index + 1)} max_fails=1 fail_timeout=1s;`,
    ),
    '        keepalive 32;',
    '        keepalive_timeout 30s;',
    '    }',
    '    server {',
    `        listen ${host.address}:${ports.web} ssl reuseport backlog=4096;`,
    `        ssl_certificate ${tls.certificate};`,
    `        ssl_certificate_key ${tls.key};`,
    '        ssl_protocols TLSv1.2 TLSv1.3;',
    '        ssl_session_cache shared:tls:1m;',
    '        ssl_session_tickets off;',
    spec.web.static !== undefined && [
      `        root ${staticDirectory};`,
      `        add_header x-tandem-host ${host.name} always;`,
      '        add_header cache-control "public, max-age=60";',
      '        location = / { try_files /index.html @app; }',
      '        location / { try_files $uri @app; }',
    ],
    spec.web.static === undefined && '        location / { try_files /dev/null @app; }',
    '        location @app {',
    // Only what a location inherits nothing of: the application's own answers carry its own headers.
    '            add_header x-content-type-options nosniff always;',
    '            proxy_pass http://app;',
    '            proxy_http_version 1.1;',
    '            proxy_set_header connection "";',
    '            proxy_set_header host $host;',
    '            proxy_set_header x-forwarded-proto $http_x_forwarded_proto;',
    '            proxy_set_header x-forwarded-for $remote_addr;',
    '            proxy_connect_timeout 500ms;',
    `            proxy_read_timeout ${spec.balancer.serverTimeoutMs}ms;`,
    '            proxy_next_upstream error timeout;',
    '            proxy_next_upstream_tries 3;',
    '        }',
    '    }',
    '}',
  );
}
