/**
 * HAProxy 2.6, the balancer. Directives as in its configuration manual (docs.haproxy.org/2.6/configuration.html).
 * What every request passes through is kept short: each rule here is paid for at every request.
 */
import { type Spec, servingWebHosts } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { portInUrl } from '#src/topology/site.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, secretFile } from './files.ts';
import { defaultRestart, type Service } from './service.ts';
import { unavailableAnswer } from './unavailable-page.ts';

const component = 'haproxy';
const runDirectory = `${hostPaths.run}/haproxy`;
/** Workers see nothing of the file system but this empty directory. */
const emptyDirectory = `${runDirectory}/empty`;
const unavailableFile = configPath(component, '503.http');
const caFile = configPath(component, 'ca.pem');
/** The host's own identity: to the web hosts as a client, to operators as a server. */
const hostCertificate = configPath(component, 'host.pem');

export const haproxyPaths = {
  configuration: configPath(component, 'haproxy.cfg'),
  /** Runtime API, level admin, root only. */
  adminSocket: `${runDirectory}/admin.sock`,
  /** Answers on any path while HAProxy's event loop turns: 200 with web hosts to send to, 503 without. */
  healthSocket: `${runDirectory}/health.sock`,
  /** Certificate, chain and key in one file: what `set ssl cert` of the runtime API swaps. */
  siteCertificate: configPath(component, 'site.pem'),
} as const;

/** Connections beside the site's: redirects, metrics, the agent's checks. They must get through when the site is full. */
const reservedConnections = 500;

export function haproxyService(context: RenderContext): Service {
  const { material, host, spec } = context;
  const own = material.hosts[host.name] as KeyPair;
  const bundle = ({ certificate, key }: KeyPair) => `${certificate.trimEnd()}\n${key.trimEnd()}\n`;
  return {
    name: 'haproxy',
    description: 'Load balancer: ends TLS, spreads requests over the web hosts',
    kind: 'daemon',
    command: ['/usr/sbin/haproxy', '-W', '-db', '-f', haproxyPaths.configuration],
    user: 'root',
    environment: {},
    directories: [
      { path: runDirectory, mode: 0o755, owner: 'root' },
      { path: emptyDirectory, mode: 0o555, owner: 'root' },
    ],
    files: [
      publicFile(haproxyPaths.configuration, haproxyConfiguration(spec), 'reload'),
      publicFile(unavailableFile, unavailableAnswer, 'reload'),
      publicFile(caFile, material.ca, 'reload'),
      secretFile(haproxyPaths.siteCertificate, bundle(material.site), 'reload'),
      secretFile(hostCertificate, bundle(own), 'reload'),
    ],
    validate: ['/usr/sbin/haproxy', '-c', '-q', '-f', haproxyPaths.configuration],
    // Master-worker: SIGUSR2 starts new workers on the same listening sockets, the old ones finish what they have.
    reload: { kind: 'signal', signal: 'SIGUSR2', replacesWorkers: true },
    readiness: { kind: 'socket', path: haproxyPaths.healthSocket },
    startTimeoutMs: 10_000,
    // SIGUSR1 lets requests finish; what is idle or slow beyond the time limit is cut.
    stop: { signal: 'SIGUSR1', timeoutMs: 3_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    // It raises its own limit to what maxconn takes, with each reload: a limit here would be a restart.
    confinement: {
      capabilities: [
        'CAP_KILL',
        'CAP_NET_BIND_SERVICE',
        'CAP_SETGID',
        'CAP_SETUID',
        'CAP_SYS_CHROOT',
        'CAP_SYS_RESOURCE',
      ],
    },
    packages: ['haproxy'],
  };
}

/** `spec` in, haproxy.cfg out. */
export function haproxyConfiguration(spec: Spec): string {
  return [
    globalSection(spec),
    defaultsSection(spec),
    redirectFrontend(spec),
    siteFrontend(spec),
    localFrontends(),
    backend(spec),
    ...(spec.web.mode === 'active-active' ? [weighted(spec)] : []),
  ].join('\n');
}

/** A check goes through TLS, nginx and the application to the database and back. */
const checkTimeoutMs = 1_000;

function globalSection({ balancer }: Spec): string {
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    'global',
    '    log stdout format raw local0 notice',
    `    maxconn ${balancer.maxConnections + reservedConnections}`,
    '    user haproxy',
    '    group haproxy',
    `    chroot ${emptyDirectory}`,
    // After a reload: longer than idle clients are kept, so that none of them is cut.
    `    hard-stop-after ${keepAliveMs + 30_000}ms`,
    `    stats socket ${haproxyPaths.adminSocket} mode 600 level admin expose-fd listeners`,
    '    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    '    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20',
    '    ssl-default-server-options ssl-min-ver TLSv1.2',
  );
}

/** How long an idle client connection is kept. */
const keepAliveMs = 30_000;

function defaultsSection({ balancer }: Spec): string {
  return lines(
    'defaults',
    '    mode http',
    '    log global',
    '    option httplog',
    // Only errors, retries and redispatches: a line per request would cost more than the request.
    '    option dontlog-normal',
    '    option dontlognull',
    // After a reload, idle connections end with the answer to their next request instead of under it.
    '    option idle-close-on-response',
    `    retries ${balancer.retries}`,
    '    option redispatch 1',
    `    timeout connect ${balancer.connectTimeoutMs}ms`,
    `    timeout client ${balancer.serverTimeoutMs}ms`,
    `    timeout server ${balancer.serverTimeoutMs}ms`,
    `    timeout http-request ${balancer.requestTimeoutMs}ms`,
    `    timeout http-keep-alive ${keepAliveMs}ms`,
    '    timeout queue 5s',
    '    timeout tunnel 1h',
    // A host that is merely busy must not be taken for a dead one.
    `    timeout check ${checkTimeoutMs}ms`,
    `    errorfile 503 ${unavailableFile}`,
  );
}

function redirectFrontend(spec: Spec): string {
  const { site } = spec;
  return lines(
    'frontend http',
    `    bind *:${site.httpPort}`,
    `    http-request set-header host ${site.domain} unless { req.hdr(host) -m found }`,
    `    http-request redirect code 308 location https://%[req.hdr(host),field(1,:)]${portInUrl(spec)}%[pathq]`,
  );
}

function siteFrontend(spec: Spec): string {
  const { site, balancer } = spec;
  // A rate over ten seconds: a page with all that belongs to it is a burst, not an attack.
  const limit = balancer.rateLimit.requestsPerSecond * 10;
  return lines(
    'frontend https',
    `    bind *:${site.httpsPort} ssl crt ${haproxyPaths.siteCertificate} alpn h2,http/1.1`,
    `    maxconn ${balancer.maxConnections}`,
    '    stick-table type ip size 100k expire 20s store http_req_rate(10s)',
    '    tcp-request connection track-sc0 src',
    `    http-request return status 429 content-type text/plain string "Too many requests; try again later." hdr retry-after 10 if { sc0_http_req_rate gt ${limit} }`,
    // Only what the balancer itself saw is told to the application.
    '    http-request del-header x-forwarded- -m beg',
    '    http-request del-header forwarded',
    '    http-request add-header x-forwarded-proto https',
    '    http-request add-header x-forwarded-for %[src]',
    '    http-response set-header strict-transport-security max-age=31536000',
    spec.web.mode === 'active-active' &&
      `    use_backend ${weightedBackend} if { var(proc.adjusted) -m int gt 0 }`,
    '    default_backend web',
  );
}

function localFrontends(): string {
  return lines(
    '# For the agent on this host only: does the event loop still turn, and is there a web host to send to?',
    'frontend health',
    `    bind unix@${haproxyPaths.healthSocket} mode 600`,
    // In a worker that a reload has told to finish no server counts: that says nothing about the new worker.
    '    http-request return status 503 if { nbsrv(web) lt 1 } !{ stopping }',
    '    http-request return status 200',
    '',
    'frontend metrics',
    `    bind *:${ports.balancerMetrics} ssl crt ${hostCertificate} ca-file ${caFile} verify required`,
    '    http-request use-service prometheus-exporter if { path /metrics }',
    '    http-request return status 404',
  );
}

function backend(spec: Spec): string {
  const { balancer, web } = spec;
  const fastMs = Math.min(balancer.checkMs, 100);
  // Only a host that is down pays for the quick look that brings it back soon.
  const downMs = Math.min(balancer.checkMs, 250);
  const check = `inter ${balancer.checkMs}ms fastinter ${fastMs}ms downinter ${downMs}ms fall 2 rise 2`;
  const servers = servingWebHosts(spec).map(
    (host) =>
      `    server ${host.name} ${host.address}:${ports.web} weight ${host.weight} verifyhost ${host.name}`,
  );
  return lines(
    'backend web',
    // `first` takes the first usable server in this order. Servers marked `backup` would be as passive, but a retry
    // stays away from them until the active server's checks have failed: requests were lost in that fifth of a second.
    // `roundrobin` drifts by a request at the end of its inner cycle; `static-rr` repeats exactly.
    web.mode === 'active-passive' ? '    balance first' : '    balance static-rr',
    '    http-reuse safe',
    '    option httpchk',
    `    http-check send meth GET uri ${web.app.healthPath} ver HTTP/1.1 hdr host ${spec.site.domain}`,
    '    http-check expect status 200',
    retryRules,
    `    default-server check ${check} observe layer7 error-limit 3 on-error fastinter ${toWebHost}`,
    servers,
  );
}

const toWebHost = `ssl verify required ca-file ${caFile} crt ${hostCertificate}`;

const retryRules = [
  // What may have reached an application is sent again only if repeating it is harmless.
  '    retry-on conn-failure empty-response response-timeout 502 503 504',
  '    http-request disable-l7-retry unless METH_GET or METH_OPTIONS',
];

/** Where the site goes while an operator has given weights other than the stack file's; its servers are not checked twice. */
export const weightedBackend = 'web-weighted';

/** `static-rr` takes no weights while it runs (ADR 7); `roundrobin` does, and is out by a request now and then (ADR 611). */
function weighted(spec: Spec): string {
  return lines(
    `backend ${weightedBackend}`,
    '    balance roundrobin',
    '    http-reuse safe',
    retryRules,
    `    default-server ${toWebHost}`,
    servingWebHosts(spec).map(
      (host) =>
        `    server ${host.name} ${host.address}:${ports.web} weight ${host.weight} verifyhost ${host.name} track web/${host.name}`,
    ),
  );
}
