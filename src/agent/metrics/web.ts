/**
 * nginx' stub_status in Prometheus' text format, under the names that nginx-prometheus-exporter has made usual.
 * @see https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
 */
export function nginxMetrics(stub: string): string {
  const match =
    /Active connections: (\d+)\s+server accepts handled requests\s+(\d+) (\d+) (\d+)\s+Reading: (\d+) Writing: (\d+) Waiting: (\d+)/.exec(
      stub,
    );
  if (match === null) throw new Error("nginx' status can't be read");
  const [active, accepted, handled, requests, reading, writing, waiting] = match.slice(1);
  const series: readonly (readonly [name: string, type: string, help: string, value: string | undefined])[] =
    [
      ['nginx_connections_active', 'gauge', 'Client connections, waiting ones included.', active],
      ['nginx_connections_accepted', 'counter', 'Accepted client connections.', accepted],
      ['nginx_connections_handled', 'counter', 'Handled client connections.', handled],
      ['nginx_http_requests_total', 'counter', 'Requests.', requests],
      ['nginx_connections_reading', 'gauge', 'Connections whose request head is read.', reading],
      ['nginx_connections_writing', 'gauge', 'Connections to which an answer is written.', writing],
      ['nginx_connections_waiting', 'gauge', 'Idle connections.', waiting],
    ];
  return series
    .map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`)
    .join('');
}
