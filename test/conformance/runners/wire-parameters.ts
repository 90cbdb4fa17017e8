/** Parameters of COM_STMT_EXECUTE, as the binary protocol has them. @see https://mariadb.com/kb/en/com_stmt_execute/ */
import { lengthEncodedBytes } from '#src/mysql-wire/bytes.ts';
import type { Parameter, ParameterType } from '../step.ts';

const codes: Readonly<Record<ParameterType, number>> = {
  decimal: 246,
  tiny: 1,
  utiny: 1,
  short: 2,
  ushort: 2,
  long: 3,
  ulong: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  ulonglong: 8,
  int24: 9,
  uint24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  varchar: 15,
  bit: 16,
  enum: 247,
  set: 248,
  tinyblob: 249,
  mediumblob: 250,
  longblob: 251,
  blob: 252,
  varstring: 253,
  string: 254,
  geometry: 255,
};

/** Types whose text is hexadecimal. */
export const byteTypes: ReadonlySet<ParameterType> = new Set([
  'tinyblob',
  'mediumblob',
  'longblob',
  'blob',
  'bit',
  'geometry',
]);

const unsigned: ReadonlySet<ParameterType> = new Set(['utiny', 'ushort', 'uint24', 'ulong', 'ulonglong']);

/** The type's code and its flag. */
export function typeBytes({ type }: Parameter): Buffer {
  return Buffer.from([codes[type], unsigned.has(type) ? 0x80 : 0]);
}

export function bytesOf({ type, value }: Parameter): Buffer {
  return Buffer.from(value ?? '', byteTypes.has(type) ? 'hex' : 'utf8');
}

/** Nothing for NULL. */
export function valueBytes(parameter: Parameter): Buffer {
  const { type, value } = parameter;
  if (value === null) return Buffer.alloc(0);
  switch (type) {
    case 'tiny':
    case 'utiny':
      return integer(value, 1);
    case 'short':
    case 'ushort':
    case 'year':
      return integer(value, 2);
    case 'int24':
    case 'uint24':
    case 'long':
    case 'ulong':
      return integer(value, 4);
    case 'longlong':
    case 'ulonglong':
      return integer(value, 8);
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(Number(value));
      return bytes;
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return bytes;
    }
    case 'date':
    case 'datetime':
    case 'timestamp':
      return dateTime(value, type === 'date');
    case 'time':
      return time(value);
    default:
      return lengthEncodedBytes(bytesOf(parameter));
  }
}

function integer(value: string, size: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return bytes.subarray(0, size);
}

function dateTime(value: string, dateOnly: boolean): Buffer {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = value.split(/[^\d]/).map(Number);
  const micro = microseconds(value);
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(year, 1);
  bytes.set([month, day, hour, minute, second], 3);
  bytes.writeUInt32LE(micro, 8);
  const size = dateOnly
    ? 4
    : micro > 0
      ? 11
      : hour + minute + second > 0
        ? 7
        : year + month + day > 0
          ? 4
          : 0;
  bytes[0] = size;
  return bytes.subarray(0, size + 1);
}

function time(value: string): Buffer {
  const negative = value.startsWith('-');
  const [hours = 0, minutes = 0, seconds = 0] = value.replace('-', '').split(/[^\d]/).map(Number);
  const micro = microseconds(value);
  const bytes = Buffer.alloc(13);
  bytes[1] = negative ? 1 : 0;
  bytes.writeUInt32LE(Math.floor(hours / 24), 2);
  bytes.set([hours % 24, minutes, seconds], 6);
  bytes.writeUInt32LE(micro, 9);
  const size = micro > 0 ? 12 : hours + minutes + seconds > 0 ? 8 : 0;
  bytes[0] = size;
  return bytes.subarray(0, size + 1);
}

function microseconds(value: string): number {
  return Number((value.split('.')[1] ?? '').padEnd(6, '0').slice(0, 6));
}
