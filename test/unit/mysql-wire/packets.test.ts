import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, lengthEncodedBytes, lengthEncodedInteger } from '#src/mysql-wire/bytes.ts';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { encodeChangeUser, parseChangeUser } from '#src/mysql-wire/change-user.ts';
import { encodeErr, parseErr } from '#src/mysql-wire/err-packet.ts';
import { maxPayloadBytes, PacketAssembler, packetOf } from '#src/mysql-wire/framing.ts';
import { encodeGreeting, parseGreeting } from '#src/mysql-wire/greeting.ts';
import {
  encodeHandshakeResponse,
  encodeSslRequest,
  isSslRequest,
  parseHandshakeResponse,
} from '#src/mysql-wire/handshake-response.ts';
import { okPacket, okStatus, parseOk, withoutSessionState } from '#src/mysql-wire/ok-packet.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { parseSessionChanges } from '#src/mysql-wire/session-track.ts';

test('length-encoded integers of every size', () => {
  for (const value of [0, 250, 251, 65_535, 65_536, 0xff_ffff, 0x100_0000, Number.MAX_SAFE_INTEGER]) {
    expect(new ByteReader(lengthEncodedInteger(value)).lengthEncoded('it')).toBe(value);
  }
  expect(() => new ByteReader(Buffer.alloc(9, 0xff)).lengthEncoded('it')).toThrow(ProtocolError);
  expect(() => new ByteReader(Buffer.from([0xfc, 1])).lengthEncoded('it')).toThrow(/beyond its packet/);
});

test('payloads come out whole, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (payloads, step) => {
        const stream = Buffer.concat(payloads.map((payload, at) => packetOf(Buffer.from(payload), at)));
        const assembler = new PacketAssembler(1000);
        const got: Buffer[] = [];
        for (let at = 0; at < stream.length; at += step) {
          assembler.push(stream.subarray(at, at + step));
          for (let packet = assembler.next(); packet !== undefined; packet = assembler.next())
            got.push(packet.payload);
        }
        expect(got).toEqual(payloads.map((payload) => Buffer.from(payload)));
      },
    ),
  );
});

test('payloads of 16 MiB are split and joined, with an empty last packet when they fill one exactly', () => {
  for (const size of [maxPayloadBytes - 1, maxPayloadBytes, maxPayloadBytes + 5]) {
    const payload = Buffer.alloc(size, 7);
    const stream = packetOf(payload, 0);
    expect(stream.length).toBe(size + (size < maxPayloadBytes ? 4 : 8));
    const assembler = new PacketAssembler(2 * maxPayloadBytes);
    for (let at = 0; at < stream.length; at += 5_000_000) assembler.push(stream.subarray(at, at + 5_000_000));
    const packet = assembler.next();
    expect(packet?.payload.equals(payload)).toBe(true);
    expect(packet?.sequenceId).toBe(size < maxPayloadBytes ? 0 : 1);
  }
});

test('a packet beyond the limit, and one out of order, are refused as soon as their header is there', () => {
  const assembler = new PacketAssembler(100);
  assembler.push(Buffer.from([101, 0, 0, 0]));
  expect(() => assembler.next()).toThrow(/bigger than/);
  const second = new PacketAssembler(100);
  second.push(packetOf(Buffer.from('x'), 3));
  expect(() => second.next()).toThrow(/out of order/);
});

const greeting = {
  serverVersion: '5.5.5-10.11.19-MariaDB',
  connectionId: 4_000_000_000,
  scramble: Buffer.from('0123456789abcdefghij'),
  capabilities: (offeredCapabilities & ~capability.mysql) >>> 0,
  extendedCapabilities: 13,
  collation: 45,
  status: 2,
  authPlugin: 'mysql_native_password',
};

test('greetings survive encoding', () => {
  expect(parseGreeting(encodeGreeting(greeting))).toEqual(greeting);
});

test('an error in place of the greeting is that error', () => {
  const refusal = encodeErr({ errno: 1040, sqlState: '08004', message: 'Too many connections' }, false);
  expect(() => parseGreeting(refusal)).toThrow(expect.objectContaining({ errno: 1040 }));
});

const response = {
  capabilities: (offeredCapabilities & ~capability.mysql) >>> 0,
  extendedCapabilities: 5,
  maxPacketBytes: 1 << 24,
  collation: 45,
  user: 'app',
  authResponse: Buffer.from('answer'),
  authPlugin: 'client_ed25519',
  database: 'shop',
  attributes: new Map([['program_name', 'test']]),
};

test('handshake responses survive encoding, in each way of writing the answer', () => {
  expect(parseHandshakeResponse(encodeHandshakeResponse(response))).toEqual(response);
  const older = { ...response, capabilities: response.capabilities & ~capability.pluginAuthLengthEncoded };
  expect(parseHandshakeResponse(encodeHandshakeResponse(older))).toEqual(older);
  const request = encodeSslRequest(response);
  expect(isSslRequest(request)).toBe(true);
  expect(isSslRequest(encodeHandshakeResponse(response))).toBe(false);
});

test('cut and garbled handshakes are bad handshakes', () => {
  const whole = encodeHandshakeResponse(response);
  for (let length = 0; length < whole.length; length++) {
    try {
      parseHandshakeResponse(whole.subarray(0, length));
    } catch (error) {
      expect(error).toMatchObject({ errno: 1043, sqlState: '08S01' });
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const parse of [parseHandshakeResponse, parseGreeting, parseChangeUser]) {
        try {
          parse(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }),
  );
});

test('COM_CHANGE_USER survives encoding', () => {
  const change = { user: 'b', authResponse: Buffer.from('x'), database: 'd', collation: 45, authPlugin: 'p' };
  expect(parseChangeUser(encodeChangeUser(change, 0))).toEqual(change);
  expect(parseChangeUser(encodeChangeUser(change, capability.connectAttributes))).toEqual(change);
});

test('errors with and without SQLSTATE', () => {
  const error = { errno: 1045, sqlState: '28000', message: 'Access denied' };
  expect(parseErr(encodeErr(error))).toEqual(error);
  expect(parseErr(encodeErr(error, false))).toEqual({ ...error, sqlState: 'HY000' });
});

const entry = (type: number, data: Buffer) => Buffer.concat([Buffer.from([type]), lengthEncodedBytes(data)]);
const pair = (name: string, value: string) =>
  Buffer.concat([lengthEncodedBytes(Buffer.from(name)), lengthEncodedBytes(Buffer.from(value))]);
const changes = Buffer.concat([
  entry(0, Buffer.concat([pair('autocommit', 'ON'), pair('last_gtid', '0-1-17')])),
  entry(1, lengthEncodedBytes(Buffer.from('shop'))),
  entry(2, lengthEncodedBytes(Buffer.from('1'))),
  entry(5, lengthEncodedBytes(Buffer.from('T_______'))),
]);
const tracked = (message: string) =>
  Buffer.concat([
    Buffer.from([0, 3, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 2, 0x40, 1, 0]),
    lengthEncodedBytes(Buffer.from(message)),
    lengthEncodedBytes(changes),
  ]);

test('tracked session state is read', () => {
  const payload = tracked('Rows matched: 3');
  const packet = parseOk(payload, 0, payload.length, true);
  expect(packet).toMatchObject({ affectedRows: 3, status: 0x4002, warnings: 1 });
  expect(packet.message.toString()).toBe('Rows matched: 3');
  expect(parseSessionChanges(packet.changes ?? Buffer.alloc(0))).toEqual({
    variables: new Map([
      ['autocommit', 'ON'],
      ['last_gtid', '0-1-17'],
    ]),
    schema: 'shop',
    otherState: true,
    transactionState: 'T_______',
  });
});

test('a client that asked for no session state gets the packet without it', () => {
  for (const message of ['', 'Rows matched: 3']) {
    const payload = tracked(message);
    const stripped = withoutSessionState(payload, 0, payload.length, 9);
    expect(stripped[3]).toBe(9);
    const plain = parseOk(stripped, 4, stripped.length, false);
    expect(plain).toMatchObject({ affectedRows: 3, status: 2, warnings: 1 });
    expect(plain.message.toString()).toBe(message);
    // Everything up to the status, the 64-bit insert id included, is the server's.
    expect(stripped.subarray(4, 4 + 11)).toEqual(payload.subarray(0, 11));
    expect(stripped.length).toBe(4 + 15 + (message === '' ? 0 : message.length + 1));
  }
});

test('an OK packet of our own, and its status alone', () => {
  const packet = okPacket({ status: 0x4002, affectedRows: 300, warnings: 2 }, 1);
  expect(parseOk(packet, 4, packet.length, false)).toMatchObject({ affectedRows: 300, warnings: 2 });
  expect(okStatus(packet, 4, packet.length)).toBe(0x4002);
  expect(() => okStatus(Buffer.from([0, 0, 0, 1]), 0, 4)).toThrow(ProtocolError);
});
