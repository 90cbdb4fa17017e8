/**
 * Listeners that no flow allows: TCP and UDP echo on random ports of a host, on all its addresses (IPv4 and IPv6), so
 * that a hole in its firewall is a hole that a scan finds, and not one that happens to have nobody behind it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { expectCommand } from './command.ts';

/** Runs inside the host's network: prints the ports as JSON once it listens; says back what it gets. */
const program = `
const net = require('node:net'), dgram = require('node:dgram');
const once = (emitter, name) => new Promise((done, fail) => { emitter.once(name, done); emitter.once('error', fail); });
(async () => {
  const tcp = [], udp = [];
  for (let i = 0; i < 2; i += 1) {
    const server = net.createServer((socket) => { socket.on('error', () => {}); socket.pipe(socket); });
    server.listen({ port: 0, host: process.argv[1] });
    await once(server, 'listening');
    tcp.push(server.address().port);
    const socket = dgram.createSocket({ type: process.argv[1] === '::' ? 'udp6' : 'udp4' });
    socket.on('message', (data, from) => socket.send(data, from.port, from.address));
    socket.bind(0, process.argv[1]);
    await once(socket, 'listening');
    udp.push(socket.address().port);
  }
  console.log(JSON.stringify({ tcp, udp }));
})();
process.stdin.on('end', () => process.exit()).resume();
`;

/** Asks UDP ports; prints those that said something back. */
const udpProbe = `
const dgram = require('node:dgram');
const [address, ports] = [process.argv[1], process.argv[2].split(',').map(Number)];
const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
const answered = new Set();
socket.on('message', (data, from) => answered.add(from.port));
socket.on('error', () => {});
let round = 0;
const timer = setInterval(() => {
  if (round++ === 5) { console.log(JSON.stringify([...answered])); process.exit(); }
  for (const port of ports) socket.send('?', port, address, () => {});
}, 100);
`;

/** Connects to TCP ports; prints those that took the connection. */
const tcpProbe = `
const net = require('node:net');
const [address, ports] = [process.argv[1], process.argv[2].split(',').map(Number)];
const open = [];
let left = ports.length;
for (const port of ports) {
  const socket = net.connect({ host: address, port });
  const end = () => { socket.destroy(); if (--left === 0) { console.log(JSON.stringify(open)); process.exit(); } };
  const timer = setTimeout(end, 1500);
  socket.on('connect', () => { open.push(port); clearTimeout(timer); end(); });
  socket.on('error', () => { clearTimeout(timer); end(); });
}
`;

export class ExtraListeners {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  /** False where the host has no IPv6 at all. */
  readonly ipv6: boolean;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: { tcp: number[]; udp: number[] }, ipv6: boolean) {
    this.#child = child;
    this.tcp = ports.tcp;
    this.udp = ports.udp;
    this.ipv6 = ipv6;
  }

  static async start(namespace: string): Promise<ExtraListeners> {
    for (const address of ['::', '0.0.0.0']) {
      const words = ['netns', 'exec', namespace, process.execPath, '-e', program, address];
      const child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'ignore'] });
      const said = await new Promise<string>((resolve) => {
        child.stdout?.once('data', (data: Buffer) => resolve(data.toString()));
        child.once('close', () => resolve(''));
      });
      if (said !== '') return new ExtraListeners(child, JSON.parse(said), address === '::');
    }
    throw new Error(`nothing can listen in ${namespace}`);
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

/** Ports of an address that answer, asked from a namespace (undefined: from the machine itself). */
export async function answering(
  protocol: 'tcp' | 'udp',
  namespace: string | undefined,
  address: string,
  ports: readonly number[],
): Promise<readonly number[]> {
  const words = [process.execPath, '-e', protocol === 'tcp' ? tcpProbe : udpProbe, address, ports.join(',')];
  const [program = '', ...rest] =
    namespace === undefined ? words : ['ip', 'netns', 'exec', namespace, ...words];
  return JSON.parse(await expectCommand(program, rest)) as number[];
}
