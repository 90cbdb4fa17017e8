/**
 * What a TCP stream of a capture carries. Pure: segments in, verdicts out. TLS means that both directions are whole TLS
 * records from the first byte to the last (RFC 8446 section 5.1), so a stream that turns plain later is seen as well.
 */

export interface Segment {
  readonly timeMs: number;
  readonly stream: number;
  /** ADDRESS:PORT */
  readonly source: string;
  readonly target: string;
  /** As on the wire, 32 bits. */
  readonly sequence: number;
  /** SYN of the client; SYN and ACK of the server. */
  readonly opens: boolean;
  readonly answersOpen: boolean;
  readonly payload: Buffer;
}

export type Verdict = 'tls' | 'mariadb-tls' | 'redirect' | 'no data' | 'began before' | 'plain';

export interface Stream {
  readonly id: number;
  readonly client: string;
  readonly server: string;
  readonly verdict: Verdict;
  /** For a plain one: what was seen. */
  readonly reason: string;
  readonly bytes: number;
}

/** Both directions of every stream, judged. `httpPort` is where a plain request may be answered by a redirect. */
export function judgeStreams(segments: readonly Segment[], httpPort: number): readonly Stream[] {
  return [...Map.groupBy(segments, (segment) => segment.stream)].map(([id, own]) => judge(id, own, httpPort));
}

function judge(id: number, segments: readonly Segment[], httpPort: number): Stream {
  const opening = segments.find((segment) => segment.opens);
  const answer = segments.find((segment) => segment.answersOpen);
  const first = segments[0];
  const [client, server] =
    opening !== undefined
      ? [opening.source, opening.target]
      : answer !== undefined
        ? [answer.target, answer.source]
        : [first?.source ?? '', first?.target ?? ''];
  const sent = join(segments.filter((segment) => segment.source === client));
  const answered = join(segments.filter((segment) => segment.source === server));
  const bytes = sent.data.length + answered.data.length;
  const result = (verdict: Verdict, reason = ''): Stream => ({ id, client, server, verdict, reason, bytes });
  if (bytes === 0) return result('no data');
  // Without its beginning a stream can't be followed record by record.
  if (opening === undefined && answer === undefined) return result('began before');
  if (sent.gap || answered.gap) return result('plain', 'the capture has a gap in this stream');
  if (server.endsWith(`:${httpPort}`) && isRedirect(sent.data, answered.data)) return result('redirect');
  if (isMariadbTls(sent.data, answered.data)) return result('mariadb-tls');
  const fault = tlsFault(sent.data) ?? tlsFault(answered.data);
  return fault === undefined ? result('tls') : result('plain', fault);
}

/** The bytes of one direction in order, each once: a capture holds retransmissions too. */
function join(segments: readonly Segment[]): { data: Buffer; gap: boolean } {
  const start = segments.find((segment) => segment.opens || segment.answersOpen);
  const carrying = segments.filter((segment) => segment.payload.length > 0);
  const base = start !== undefined ? start.sequence + 1 : (carrying[0]?.sequence ?? 0);
  // Sequence numbers wrap at 32 bits.
  const placed = carrying
    .map((segment) => ({ at: (segment.sequence - base) >>> 0, payload: segment.payload }))
    .sort((left, right) => left.at - right.at);
  const parts: Buffer[] = [];
  let length = 0;
  let gap = false;
  for (const { at, payload } of placed) {
    if (at > length) gap = true;
    const fresh = payload.subarray(Math.max(0, length - at));
    parts.push(fresh);
    length += fresh.length;
  }
  return { data: Buffer.concat(parts), gap };
}

const recordTypes = new Set([20, 21, 22, 23]);
const largestRecord = 16_384 + 2_048;

/** Why bytes are no sequence of TLS records; a last one that is cut off by the end of the capture is none. */
export function tlsFault(data: Buffer): string | undefined {
  let at = 0;
  while (at < data.length) {
    const [type, major, minor] = [data[at], data[at + 1], data[at + 2]];
    const length = at + 5 <= data.length ? data.readUInt16BE(at + 3) : 0;
    const right =
      type !== undefined &&
      recordTypes.has(type) &&
      (major === undefined || major === 3) &&
      (minor === undefined || minor <= 4) &&
      length <= largestRecord;
    if (!right)
      return `byte ${at} begins no TLS record: ${JSON.stringify(data.subarray(at, at + 60).toString('latin1'))}`;
    at += 5 + length;
  }
  return undefined;
}

const clientSsl = 0x800;

/**
 * MariaDB's TLS: a plain greeting of the server (protocol 10), an SSLRequest of exactly 32 bytes, then TLS only
 * (https://mariadb.com/kb/en/connection/#sslrequest-packet). A client that goes on without it has sent its login.
 */
function isMariadbTls(sent: Buffer, answered: Buffer): boolean {
  if (answered.length < 5 || answered[3] !== 0 || answered[4] !== 10) return false;
  const greeting = 4 + answered.readUIntLE(0, 3);
  // A client that only looked whether somebody answers has sent nothing.
  if (sent.length === 0) return answered.length === greeting;
  if (sent.length < 36 || sent.readUIntLE(0, 3) !== 32 || sent[3] !== 1) return false;
  if ((sent.readUInt32LE(4) & clientSsl) === 0) return false;
  return tlsFault(sent.subarray(36)) === undefined && tlsFault(answered.subarray(greeting)) === undefined;
}

/** Plain HTTP that says nothing but "use HTTPS". */
function isRedirect(sent: Buffer, answered: Buffer): boolean {
  const request = sent.toString('latin1');
  if (!/^(GET|HEAD) \S+ HTTP\/1\.[01]\r\n/.test(request)) return false;
  if (/^(cookie|authorization):/im.test(request)) return false;
  const answer = answered.toString('latin1');
  return /^HTTP\/1\.[01] 30[1278] /.test(answer) && /^location: https:\/\//im.test(answer);
}
