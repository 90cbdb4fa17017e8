import { describe, expect, test } from 'vitest';
import { judgeStreams, type Segment, tlsFault } from './streams.ts';

const client = '10.0.0.1:50000';

/** A record of TLS with an arbitrary body. */
function record(type: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 255]), Buffer.alloc(length, 0xab)]);
}

function packet(sequence: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body]);
}

/** A stream with its handshake; each direction's bytes cut into segments of `size`. */
function stream(server: string, sent: Buffer, answered: Buffer, size = 7): readonly Segment[] {
  const base = { stream: 1, timeMs: 0, opens: false, answersOpen: false };
  const empty = Buffer.alloc(0);
  const cut = (source: string, target: string, data: Buffer): Segment[] =>
    Array.from({ length: Math.ceil(data.length / size) }, (_, index) => ({
      ...base,
      source,
      target,
      // Begins just before the sequence numbers wrap.
      sequence: (0xffffffff + index * size) >>> 0,
      payload: data.subarray(index * size, (index + 1) * size),
    }));
  return [
    { ...base, source: client, target: server, sequence: 0xfffffffe, opens: true, payload: empty },
    { ...base, source: server, target: client, sequence: 0xfffffffe, answersOpen: true, payload: empty },
    ...cut(client, server, sent).toReversed(),
    ...cut(server, client, answered),
  ];
}

const verdict = (segments: readonly Segment[]) => judgeStreams(segments, 80)[0]?.verdict;
const tls = Buffer.concat([record(22, 200), record(23, 1_000)]);
const greeting = packet(0, Buffer.concat([Buffer.from([10]), Buffer.from('10.11.19-MariaDB\0')]));
const sslRequest = (flags: number) => {
  const body = Buffer.alloc(32);
  body.writeUInt32LE(flags);
  return packet(1, body);
};

describe('what a TCP stream carries', () => {
  test('TLS in both directions, out of order and sent twice', () => {
    const segments = stream('10.0.0.2:443', tls, tls);
    expect(verdict([...segments, ...segments.slice(3, 8)])).toBe('tls');
  });

  test('a record cut off by the end of the capture is still TLS', () => {
    expect(tlsFault(tls.subarray(0, tls.length - 30))).toBeUndefined();
    expect(tlsFault(tls.subarray(0, 3))).toBeUndefined();
  });

  test.each([
    ['plain from the beginning', Buffer.from('GET / HTTP/1.1\r\n\r\n'), tls],
    ['plain after TLS', Buffer.concat([tls, Buffer.from('password=secret')]), tls],
    ['a plain answer', tls, Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    ['an oversized record', record(23, 20_000), tls],
  ])('%s is plain', (_name, sent, answered) => {
    expect(verdict(stream('10.0.0.2:443', sent, answered))).toBe('plain');
  });

  test('MariaDB: TLS right after the SSLRequest', () => {
    const sent = Buffer.concat([sslRequest(0x0800), tls]);
    expect(verdict(stream('10.0.0.2:3306', sent, Buffer.concat([greeting, tls])))).toBe('mariadb-tls');
  });

  test.each([
    ['without the flag', sslRequest(0x0001)],
    ['that goes on plainly', Buffer.concat([sslRequest(0x0800), Buffer.from('root\0')])],
    ['that logs in at once', packet(1, Buffer.alloc(80, 1))],
  ])('MariaDB: a client %s is plain', (_name, sent) => {
    expect(verdict(stream('10.0.0.2:3306', sent, Buffer.concat([greeting, tls])))).toBe('plain');
  });

  test('a plain redirect to HTTPS, but not one with a cookie or with a page', () => {
    const ask = (head: string) => Buffer.from(`GET / HTTP/1.1\r\nhost: a\r\n${head}\r\n`);
    const answer = Buffer.from('HTTP/1.1 301 Moved Permanently\r\nlocation: https://a/\r\n\r\n');
    expect(verdict(stream('10.0.0.2:80', ask(''), answer))).toBe('redirect');
    expect(verdict(stream('10.0.0.2:80', ask('cookie: session=1\r\n'), answer))).toBe('plain');
    expect(verdict(stream('10.0.0.2:80', ask(''), Buffer.from('HTTP/1.1 200 OK\r\n\r\n')))).toBe('plain');
  });

  test('a missing segment, and a stream whose beginning was missed, are told apart', () => {
    const segments = stream('10.0.0.2:443', tls, tls);
    expect(verdict(segments.filter((_, index) => index !== 5))).toBe('plain');
    expect(verdict(segments.slice(2))).toBe('began before');
  });
});
