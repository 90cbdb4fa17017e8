/** Figures of a web host's programs that have no port of their own for them: read here, over unix sockets. */
import { request } from 'node:http';

const limitMs = 5_000;
const mostBytes = 4 * 1024 * 1024;

/** The text that an HTTP server on a unix socket gives; rejects on anything but 200. */
export function askSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limitMs);
    const outgoing = request({ socketPath, path, agent: false, signal, headers: { host: 'localhost' } });
    outgoing.once('error', reject);
    outgoing.once('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) {
          text += String(chunk);
          if (text.length > mostBytes) throw new Error(`${socketPath}: the answer is too large`);
        }
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${socketPath} answered ${response.statusCode}`));
      } catch (error) {
        reject(error);
      }
    });
    outgoing.end();
  });
}

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
