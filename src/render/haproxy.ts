/**
 * HAProxy 2.6, the balancer. Directives as in its configuration manual (docs.haproxy.org/2.6/configuration.html).
 */
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, secretFile } from './files.ts';
import { defaultRestart, type Service } from './service.ts';

const component = 'haproxy';
const runDirectory = `${hostPaths.run}/haproxy`;

export const haproxyPaths = {
  configuration: configPath(component, 'haproxy.cfg'),
  /** Runtime API, level admin, root only. */
  adminSocket: `${runDirectory}/admin.sock`,
  /** Answers 200 on any path while HAProxy's event loop turns. */
  healthSocket: `${runDirectory}/health.sock`,
  siteCertificate: configPath(component, 'site.pem'),
} as const;

export function haproxyService(context: RenderContext): Service {
  const { material, host } = context;
  const own = material.hosts[host.name] as KeyPair;
  const bundle = ({ certificate, key }: KeyPair) => `${certificate.trimEnd()}\n${key.trimEnd()}\n`;
  return {
    name: 'haproxy',
    description: 'Load balancer: ends TLS, spreads requests over the web hosts',
    kind: 'daemon',
    command: ['/usr/sbin/haproxy', '-W', '-db', '-f', haproxyPaths.configuration],
    user: 'root',
    environment: {},
    directories: [{ path: runDirectory, mode: 0o755, owner: 'root' }],
    files: [
      publicFile(haproxyPaths.configuration, haproxyConfiguration(context.spec), 'reload'),
      publicFile(configPath(component, 'ca.pem'), material.ca, 'reload'),
      secretFile(haproxyPaths.siteCertificate, bundle(material.site), 'reload'),
      secretFile(configPath(component, 'host.pem'), bundle(own), 'reload'),
    ],
    validate: ['/usr/sbin/haproxy', '-c', '-f', haproxyPaths.configuration],
    // Master-worker: SIGUSR2 starts new workers on the same listening sockets, the old ones finish what they have.
    reload: { kind: 'signal', signal: 'SIGUSR2' },
    readiness: { kind: 'socket', path: haproxyPaths.healthSocket },
    startTimeoutMs: 10_000,
    stop: { signal: 'SIGUSR1', timeoutMs: 3_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    openFiles: context.spec.balancer.maxConnections * 2 + 1_000,
    packages: ['haproxy'],
  };
}

/** `spec` in, haproxy.cfg out. */
export function haproxyConfiguration(spec: Spec): string {
  return [
    globalSection(spec),
    defaultsSection(spec),
    publicFrontends(spec),
    localFrontends(),
    backend(spec),
  ].join('\n');
}

function globalSection({ balancer }: Spec): string {
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    'global',
    '    log stdout format raw local0 notice',
    `    maxconn ${balancer.maxConnections}`,
    '    user haproxy',
    '    group haproxy',
    '    hard-stop-after 30s',
    `    stats socket ${haproxyPaths.adminSocket} mode 600 level admin expose-fd listeners`,
    '    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    '    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20',
    '    ssl-default-server-options ssl-min-ver TLSv1.2',
    '    tune.ssl.default-dh-param 2048',
    '    tune.ssl.cachesize 20000',
  );
}

function defaultsSection({ balancer }: Spec): string {
  return lines(
    'defaults',
    '    mode http',
    '    log global',
    '    option dontlog-normal',
    '    option dontlognull',
    '    option redispatch 1',
    // A reload must not cut a client's idle connection while it sends its next request.
    '    option idle-close-on-response',
    `    retries ${balancer.retries}`,
    `    timeout connect ${balancer.connectTimeoutMs}ms`,
    `    timeout client ${balancer.serverTimeoutMs}ms`,
    `    timeout server ${balancer.serverTimeoutMs}ms`,
    `    timeout http-request ${balancer.requestTimeoutMs}ms`,
    '    timeout http-keep-alive 60s',
    '    timeout queue 5s',
    '    timeout tunnel 1h',
    `    timeout check ${Math.max(balancer.checkMs * 2, 500)}ms`,
  );
}

function publicFrontends({ site, balancer }: Spec): string {
  const tls = `ssl crt ${haproxyPaths.siteCertificate} alpn h2,http/1.1`;
  const port = site.httpsPort === 443 ? '' : `:${site.httpsPort}`;
  return lines(
    'frontend http',
    `    bind *:${site.httpPort}`,
    port === ''
      ? '    http-request redirect scheme https code 308'
      : `    http-request redirect code 308 location https://%[req.hdr(host),field(1,:)]${port}%[pathq]`,
    '',
    'frontend https',
    `    bind *:${site.httpsPort} ${tls}`,
    `    stick-table type ip size 100k expire 20s store http_req_rate(10s)`,
    '    http-request track-sc0 src',
    `    http-request deny deny_status 429 hdr retry-after 10 if { sc_http_req_rate(0) gt ${balancer.rateLimit.requestsPerSecond * 10} }`,
    '    http-request set-header x-forwarded-proto https',
    '    http-request set-header x-forwarded-for %[src]',
    '    http-response set-header strict-transport-security max-age=31536000',
    '    default_backend web',
  );
}

function localFrontends(): string {
  return lines(
    '# For the agent on this host only: does the event loop still turn?',
    'frontend health',
    `    bind unix@${haproxyPaths.healthSocket} mode 600`,
    '    http-request return status 200',
    '',
    'frontend metrics',
    `    bind *:${ports.balancerMetrics} ssl crt ${configPath(component, 'host.pem')} ca-file ${configPath(component, 'ca.pem')} verify required`,
    '    http-request use-service prometheus-exporter if { path /metrics }',
    '    http-request return status 404',
  );
}

function backend(spec: Spec): string {
  const { balancer, web } = spec;
  const check = `inter ${balancer.checkMs}ms fastinter ${Math.min(balancer.checkMs, 100)}ms downinter ${balancer.checkMs}ms fall 2 rise 2`;
  const servers = hostsWithRole(spec, 'web').map((host, index) => {
    const backup = web.mode === 'active-passive' && index > 0 ? ' backup' : '';
    const weight = web.mode === 'active-passive' ? 1 : host.weight;
    return `    server ${host.name} ${host.address}:${ports.web} weight ${weight} verifyhost ${host.name} sni str(${host.name}) check-sni ${host.name}${backup}`;
  });
  return lines(
    'backend web',
    '    balance roundrobin',
    '    http-reuse safe',
    `    option httpchk GET ${web.app.healthPath}`,
    '    http-check expect status 200',
    // What may have reached an application is sent again only if repeating it is harmless.
    '    retry-on conn-failure empty-response response-timeout 502 503 504',
    '    http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }',
    `    default-server check ${check} observe layer7 error-limit 5 on-error fastinter ssl verify required ca-file ${configPath(component, 'ca.pem')}`,
    servers,
  );
}
