import { expect, test } from 'vitest';
import { type ResponseShape, responseShape } from '#src/mysql-wire/commands.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { ResponseScanner, scanEvent } from '#src/mysql-wire/response-scanner.ts';
import { column, endOk, eof, err, ok, packets, resultSet, row } from './answers.ts';

/** Feeds the answer in pieces that end at `cuts`; the events, and how many bytes were used when it was done. */
function follow(answer: Buffer, cuts: readonly number[], shape: ResponseShape, deprecateEof: boolean) {
  const scanner = new ResponseScanner();
  scanner.begin(shape, deprecateEof);
  const events: number[] = [];
  let carry = Buffer.alloc(0);
  let fed = 0;
  for (const cut of [...cuts, answer.length]) {
    const chunk = Buffer.concat([carry, answer.subarray(fed, cut)]);
    fed = cut;
    let at = 0;
    while (!scanner.done && at < chunk.length) {
      const event = scanner.scan(chunk, at, chunk.length);
      at = scanner.position;
      if (event === scanEvent.more) break;
      events.push(event);
      if (event === scanEvent.localFile) scanner.resumeAfterLocalFile(3);
    }
    carry = Buffer.from(chunk.subarray(at));
    if (scanner.done) break;
  }
  return { events, done: scanner.done, left: carry.length, scanner };
}

const { ok: OK, eof: EOF, err: ERR, prepared, definitionsEnd, localFile, text } = scanEvent;
const more = 2 | 8;
const prepareOk = (columns: number, parameters: number) =>
  Buffer.from([0, 7, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0]);

const answers: readonly [string, Buffer, ResponseShape, boolean, number[]][] = [
  ['OK', packets([ok()]), responseShape.result, true, [OK]],
  ['ERR', packets([err()]), responseShape.result, true, [ERR]],
  ['result set', packets(resultSet(['a', 'bb'], true)), responseShape.result, true, [OK]],
  ['result set with EOF', packets(resultSet(['a', 'bb'], false)), responseShape.result, false, [EOF]],
  ['empty result set', packets(resultSet([], true)), responseShape.result, true, [OK]],
  [
    'several results',
    packets([...resultSet(['x'], true, more), ok(more), ...resultSet([], true, more), ok()]),
    responseShape.result,
    true,
    [OK, OK, OK, OK],
  ],
  [
    'several results with EOF, the last an error',
    packets([...resultSet(['x'], false, more), err()]),
    responseShape.result,
    false,
    [EOF, ERR],
  ],
  [
    'error amid rows',
    packets([Buffer.from([1]), column, row('a'), err()]),
    responseShape.result,
    true,
    [ERR],
  ],
  ['cursor', packets([Buffer.from([1]), column, eof(2 | 64)]), responseShape.cursor, false, [EOF]],
  ['cursor, new end', packets([Buffer.from([1]), column, endOk(2 | 64)]), responseShape.cursor, true, [OK]],
  [
    'cursor asked for, and none opened',
    packets([Buffer.from([1]), column, err()]),
    responseShape.cursor,
    false,
    [ERR],
  ],
  [
    'a cursor of a stored program',
    packets([Buffer.from([1]), column, eof(64 | more), row('a'), eof(more), ok()]),
    responseShape.result,
    false,
    [EOF, OK],
  ],
  [
    'a cursor of a stored program, run with a cursor',
    packets([Buffer.from([1]), column, eof(64 | more), row('a'), eof(more), ok()]),
    responseShape.cursor,
    false,
    [EOF, OK],
  ],
  [
    'fetch',
    packets([Buffer.from('\0\0a'), Buffer.from('\0\0b'), eof(2 | 64)]),
    responseShape.rows,
    false,
    [EOF],
  ],
  ['prepare without lists', packets([prepareOk(0, 0)]), responseShape.prepare, true, [prepared]],
  [
    'prepare',
    packets([prepareOk(2, 1), column, column, column]),
    responseShape.prepare,
    true,
    [prepared, definitionsEnd],
  ],
  [
    'prepare with EOF',
    packets([prepareOk(1, 1), column, eof(), column, eof()]),
    responseShape.prepare,
    false,
    [prepared, definitionsEnd],
  ],
  ['refused prepare', packets([err()]), responseShape.prepare, true, [ERR]],
  ['field list', packets([column, column, eof()]), responseShape.fieldList, false, [EOF]],
  ['statistics', packets([Buffer.from('Uptime: 1')]), responseShape.text, true, [text]],
  [
    'progress reports before the end',
    packets([err(0xffff), err(0xffff), ok()]),
    responseShape.result,
    true,
    [OK],
  ],
  [
    'local file',
    Buffer.concat([packets([Buffer.from('\xfbfile', 'latin1')]), packets([ok()], 4)]),
    responseShape.result,
    true,
    [localFile, OK],
  ],
];

test.each(answers)(
  '%s: found the same wherever the bytes are cut',
  (_name, answer, shape, newEnd, events) => {
    const behind = Buffer.from('next answer');
    const all = Buffer.concat([answer, behind]);
    expect(follow(all, [], shape, newEnd)).toMatchObject({ events, done: true, left: behind.length });
    const bytes = Array.from({ length: answer.length - 1 }, (_, index) => index + 1);
    for (const cut of bytes) {
      expect(follow(answer, [cut], shape, newEnd), `cut at ${cut}`).toMatchObject({
        events,
        done: true,
        left: 0,
      });
    }
    expect(follow(answer, bytes, shape, newEnd)).toMatchObject({ events, done: true, left: 0 });
  },
);

test('no answer is done before its last byte', () => {
  for (const [name, answer, shape, newEnd] of answers) {
    expect(follow(answer.subarray(0, -1), [], shape, newEnd).done, name).toBe(false);
  }
});

test('rows of 16 MiB and more, whose continuation looks like an end', () => {
  // The row's length-encoded first column makes it begin with 0xFE; its continuation begins with 0xFF bytes.
  const big = Buffer.alloc(0xff_ffff + 10, 0xff);
  big[0] = 0xfe;
  const answer = Buffer.concat([
    packets([Buffer.from([1]), column]),
    packetOf(big, 3),
    packets([endOk()], 5),
  ]);
  const cuts = [100, 0xff_ffff, 0xff_ffff + 60, 0xff_ffff + 70];
  expect(follow(answer, cuts, responseShape.result, true)).toMatchObject({
    events: [OK],
    done: true,
    left: 0,
  });
  const exact = Buffer.alloc(0xff_ffff, 0xfe);
  const full = Buffer.concat([
    packets([Buffer.from([1]), column]),
    packetOf(exact, 3),
    packets([endOk()], 5),
  ]);
  expect(follow(full, [], responseShape.result, true)).toMatchObject({ events: [OK], done: true, left: 0 });
});

test('the answer to a command of several packets follows the last of them, or comes before it', () => {
  const scanner = new ResponseScanner();
  const scan = (answer: Buffer) => () => scanner.scan(answer, 0, answer.length);
  const begin = (): void => {
    scanner.begin(responseShape.result, true);
    scanner.expectAnySequence();
  };
  begin();
  scanner.commandSent(2);
  expect(scan(packets([ok()], 1))).toThrow(/sequence id 1 instead of 3/);
  begin();
  scanner.commandSent(255);
  expect(scan(packets([ok()], 0))()).toBe(OK);
  // Refused when the server had read two of them.
  begin();
  expect(scan(packets([err()], 2))()).toBe(ERR);
  begin();
  const rows = packets(resultSet(['a'], true), 7);
  expect(scan(Buffer.concat([rows.subarray(0, 5), packets([column], 9)]))).toThrow(/out of order/);
});

test('wrong sequence ids and what is no answer end in a protocol error', () => {
  const scan =
    (bytes: Buffer, shape: ResponseShape = responseShape.result) =>
    () =>
      follow(bytes, [], shape, true);
  expect(scan(packets([ok()], 2))).toThrow(/out of order/);
  expect(scan(packets([Buffer.alloc(0)]))).toThrow(ProtocolError);
  expect(scan(packets([Buffer.from([0, 0])]))).toThrow(ProtocolError);
  expect(scan(packets([ok()]), responseShape.prepare)).toThrow(ProtocolError);
  const endless = Buffer.from([0xff, 0xff, 0xff, 1, 0]);
  expect(scan(endless)).toThrow(/an answer of 16777215 bytes/);
});

test('one changed byte never does more than throw a ProtocolError', () => {
  for (const [, answer, shape, newEnd] of answers) {
    for (let at = 0; at < answer.length; at++) {
      for (const value of [0, 1, 0x7f, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]) {
        const mutated = Buffer.from(answer);
        mutated[at] = value;
        try {
          follow(mutated, [at], shape, newEnd);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }
  }
});
