/**
 * The configurations that are compared: Tandem's own, as rendered; the least HAProxy that does the same job; nginx and
 * Caddy as they are commonly written for it. All end TLS, verify and re-encrypt to the same two backends, keep
 * connections to them open, and spread requests 2:1.
 */

import type { Material } from '#src/render/context.ts';
import { haproxyService } from '#src/render/haproxy.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';

export interface Bench {
  readonly spec: Spec;
  readonly material: Material;
  /** Files lie below it. */
  readonly directory: string;
}

export interface File {
  /** Below the bench's directory. */
  readonly path: string;
  readonly content: string;
}

export interface Balancer {
  readonly name: string;
  readonly files: readonly File[];
  readonly command: readonly string[];
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly environment?: Readonly<Record<string, string>>;
}

function backends({ spec }: Bench): readonly { name: string; address: string; weight: number }[] {
  return hostsWithRole(spec, 'web');
}

/** What the configurations need on disk besides themselves. */
export function certificateFiles({ material }: Bench): readonly File[] {
  const { site, hosts, ca } = material;
  return [
    { path: 'tls/ca.pem', content: ca },
    { path: 'tls/site.pem', content: site.certificate },
    { path: 'tls/site.key', content: site.key },
    { path: 'tls/site-bundle.pem', content: `${site.certificate}\n${site.key}` },
    ...Object.entries(hosts).flatMap(([name, pair]) => [
      { path: `tls/${name}.pem`, content: pair.certificate },
      { path: `tls/${name}.key`, content: pair.key },
    ]),
  ];
}

/**
 * The rendered files, byte for byte but for two things: absolute paths lead into the bench's directory, and the
 * frontend of the site gets a second, plain `bind`, for the comparison without TLS.
 */
export function tandem(bench: Bench, tlsPort: number, plainPort: number): Balancer {
  const [host] = hostsWithRole(bench.spec, 'balancer');
  if (host === undefined) throw new Error('the stack has no balancer');
  const spec = {
    ...bench.spec,
    site: { ...bench.spec.site, httpPort: plainPort + 1_000, httpsPort: tlsPort },
  };
  const service = haproxyService({ spec, material: bench.material, host });
  const moved = (text: string) =>
    Object.values(hostPaths).reduce(
      (result, path) => result.replaceAll(path, `${bench.directory}/tandem${path}`),
      text,
    );
  const files = service.files.map((file) => {
    const content = moved(file.content).replace(/(frontend https\n)/, `$1    bind *:${plainPort}\n`);
    return { path: `tandem${file.path}`, content };
  });
  return { name: 'Tandem (HAProxy)', files, command: service.command.map(moved), plainPort, tlsPort };
}

export function minimalHaproxy(bench: Bench, tlsPort: number, plainPort: number): Balancer {
  const tls = `${bench.directory}/tls`;
  const servers = backends(bench).map(
    ({ name, address, weight }) =>
      `  server ${name} ${address}:${ports.web} weight ${weight} check ssl verify required ca-file ${tls}/ca.pem sni str(${name}) check-sni ${name} verifyhost ${name}`,
  );
  const content = `global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend site
  bind *:${plainPort}
  bind *:${tlsPort} ssl crt ${tls}/site-bundle.pem alpn h2,http/1.1
  default_backend web
backend web
  balance roundrobin
${servers.join('\n')}
`;
  const path = 'minimal/haproxy.cfg';
  const command = ['/usr/sbin/haproxy', '-W', '-db', '-f', `${bench.directory}/${path}`];
  return { name: 'minimal HAProxy', files: [{ path, content }], command, plainPort, tlsPort };
}

function nginxFile(directory: string, name: string, processes: number, http: string): string {
  return `user www-data;
worker_processes ${processes};
pid ${directory}/${name}/nginx.pid;
error_log ${directory}/${name}/error.log;
daemon off;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${directory}/${name}/body;
  proxy_temp_path ${directory}/${name}/proxy;
  fastcgi_temp_path ${directory}/${name}/fastcgi;
  uwsgi_temp_path ${directory}/${name}/uwsgi;
  scgi_temp_path ${directory}/${name}/scgi;
  keepalive_requests 1000000;
${http}
}
`;
}

function nginxCommand(directory: string, name: string): readonly string[] {
  return ['/usr/sbin/nginx', '-e', `${directory}/${name}/error.log`, '-c', `${directory}/${name}/nginx.conf`];
}

export function nginx(bench: Bench, tlsPort: number, plainPort: number): Balancer {
  const { directory } = bench;
  const tls = `${directory}/tls`;
  const servers = backends(bench).map(
    ({ address, weight }) => `    server ${address}:${ports.web} weight=${weight};`,
  );
  const [first] = backends(bench);
  const http = `
  upstream web {
${servers.join('\n')}
    keepalive 128;
    keepalive_requests 1000000;
  }
  server {
    listen ${plainPort};
    listen ${tlsPort} ssl http2;
    ssl_certificate ${tls}/site.pem;
    ssl_certificate_key ${tls}/site.key;
    location / {
      proxy_pass https://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_ssl_server_name on;
      proxy_ssl_name ${first?.name};
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${tls}/ca.pem;
    }
  }`;
  const files = [{ path: 'nginx/nginx.conf', content: nginxFile(directory, 'nginx', 2, http) }];
  return { name: 'nginx', files, command: nginxCommand(directory, 'nginx'), plainPort, tlsPort };
}

export function caddy(bench: Bench, tlsPort: number, plainPort: number): Balancer {
  const tls = `${bench.directory}/tls`;
  const upstreams = backends(bench).flatMap(({ address, weight }) =>
    // Caddy 2.6 has no weights: a server that is named twice gets two turns.
    Array.from({ length: weight }, () => `https://${address}:${ports.web}`),
  );
  const proxy = `reverse_proxy ${upstreams.join(' ')} {
    lb_policy round_robin
    transport http {
      tls_trusted_ca_certs ${tls}/ca.pem
      tls_server_name ${backends(bench)[0]?.name}
      keepalive_idle_conns_per_host 128
      versions 1.1
    }
  }`;
  const content = `{
  admin off
  auto_https off
}
http://:${plainPort} {
  ${proxy}
}
https://:${tlsPort} {
  tls ${tls}/site.pem ${tls}/site.key
  ${proxy}
}
`;
  const path = 'caddy/Caddyfile';
  const environment = { HOME: `${bench.directory}/caddy`, XDG_DATA_HOME: `${bench.directory}/caddy` };
  const command = [
    '/usr/bin/caddy',
    'run',
    '--config',
    `${bench.directory}/${path}`,
    '--adapter',
    'caddyfile',
  ];
  return { name: 'Caddy', files: [{ path, content }], command, plainPort, tlsPort, environment };
}

/**
 * Two nginx servers with one small file over TLS. Each has both certificates and shows the one that is asked for by
 * name, because nginx and Caddy as balancers know one name for all servers of an upstream.
 */
export function backendServers(
  bench: Bench,
): readonly { files: readonly File[]; command: readonly string[] }[] {
  const { directory } = bench;
  const names = backends(bench).map(({ name }) => name);
  return backends(bench).map(({ name, address }) => {
    const server = (asked: string) => `  server {
    listen ${address}:${ports.web} ssl;
    server_name ${asked};
    ssl_certificate ${directory}/tls/${asked}.pem;
    ssl_certificate_key ${directory}/tls/${asked}.key;
    root ${directory}/static;
    location = ${bench.spec.web.app.healthPath} { return 200; }
  }`;
    return {
      files: [
        { path: `${name}/nginx.conf`, content: nginxFile(directory, name, 1, names.map(server).join('\n')) },
        { path: 'static/small.html', content: '<!doctype html>\n'.padEnd(1_024, '<p>Small.</p>\n') },
      ],
      command: nginxCommand(directory, name),
    };
  });
}
