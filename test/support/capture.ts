/** Packet capture of an interface (dumpcap) and its decoding (tshark, both Debian's wireshark). */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expectCommand } from './command.ts';
import type { Segment } from './streams.ts';
import { sleep, waitFor } from './wait.ts';

export class Capture {
  readonly file: string;
  readonly #child: ChildProcess;
  #said = '';

  private constructor(file: string, child: ChildProcess) {
    this.file = file;
    this.#child = child;
  }

  /** Captures whole packets of `link`, promiscuously: on a bridge also what it forwards between its ports. */
  static async start(link: string, file: string): Promise<Capture> {
    const words = ['-q', '-i', link, '-B', '64', '-w', file];
    const capture = new Capture(file, spawn('dumpcap', words, { stdio: ['ignore', 'ignore', 'pipe'] }));
    capture.#child.stderr?.on('data', (text) => {
      capture.#said += text;
    });
    await waitFor(`a capture on ${link}`, () => capture.#said.includes('File: '), 10_000);
    return capture;
  }

  async stop(): Promise<void> {
    // What was sent just now is still on its way through dumpcap's buffer.
    await sleep(500);
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGINT');
    await ended;
    const dropped = /dropped[^:]*: \d+\/(\d+)/.exec(this.#said)?.[1] ?? '0';
    if (dropped !== '0') throw new Error(`the capture lost ${dropped} packets: ${this.#said}`);
  }
}

/** Every TCP segment of a capture that carries data or opens a connection. */
export async function segmentsOf(file: string): Promise<readonly Segment[]> {
  const names = [
    'frame.time_epoch',
    'tcp.stream',
    'ip.src',
    'ipv6.src',
    'tcp.srcport',
    'ip.dst',
    'ipv6.dst',
    'tcp.dstport',
  ];
  const flags = ['tcp.seq_raw', 'tcp.flags.syn', 'tcp.flags.ack', 'tcp.payload'];
  const text = await expectCommand('tshark', [
    '-n',
    '-r',
    file,
    '-Y',
    'tcp && (tcp.len > 0 || tcp.flags.syn == 1)',
    '-T',
    'fields',
    ...[...names, ...flags].flatMap((name) => ['-e', name]),
  ]);
  return text.split('\n').filter(Boolean).map(segmentOf);
}

function segmentOf(line: string): Segment {
  const [
    time,
    stream,
    source4,
    source6,
    sourcePort,
    target4,
    target6,
    targetPort,
    sequence,
    syn,
    ack,
    payload,
  ] = line.split('\t');
  const isSet = (flag: string | undefined) => flag === '1' || flag === 'True';
  return {
    timeMs: Number(time) * 1_000,
    stream: Number(stream),
    source: `${source4 || source6}:${sourcePort}`,
    target: `${target4 || target6}:${targetPort}`,
    sequence: Number(sequence),
    opens: isSet(syn) && !isSet(ack),
    answersOpen: isSet(syn) && isSet(ack),
    payload: Buffer.from((payload ?? '').replaceAll(':', ''), 'hex'),
  };
}

/** How many packets of each kind other than TCP are in a capture. */
export async function otherProtocols(file: string): Promise<Record<string, number>> {
  const words = ['-n', '-r', file, '-Y', '!tcp', '-T', 'fields', '-e', '_ws.col.Protocol'];
  const counts: Record<string, number> = {};
  for (const name of (await expectCommand('tshark', words)).split('\n').filter(Boolean)) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Whether the captured bytes hold a text anywhere: as it is, in base64 or in hexadecimal. */
export async function captureHolds(file: string, text: string): Promise<boolean> {
  const bytes = await readFile(file);
  const plain = Buffer.from(text);
  const forms = [
    plain,
    Buffer.from(plain.toString('hex')),
    Buffer.from(plain.toString('base64').replace(/.?=*$/, '')),
  ];
  return forms.some((form) => bytes.includes(form));
}
