/** Every column type by every operation, in both protocols. */
import {
  both,
  execute,
  nothing,
  type Parameter,
  parameter,
  type Script,
  script,
  settle,
  text,
} from '../step.ts';

interface ColumnType {
  readonly type: string;
  /** Three literals that fit, and one that does not (or not without a warning). */
  readonly values: readonly [string, string, string];
  readonly bad: string;
  readonly parameter: Parameter;
  /** Can't be a key, or only with a length. */
  readonly key?: string | false;
}

/** From a row of texts: the type, two values, one that does not fit, and a parameter; `third` is the third value. */
function columnType(row: readonly string[], third?: string): ColumnType {
  const [type = '', low = '', high = '', bad = '', kind = '', value = ''] = row;
  return { type, values: [low, high, third ?? low], bad, parameter: parameter(kind as 'tiny', value) };
}

const integers: readonly ColumnType[] = [
  ['TINYINT', '-128', '127', '300', 'tiny', '-7'],
  ['TINYINT UNSIGNED', '0', '255', '-1', 'utiny', '200'],
  ['TINYINT(1)', '0', '1', '1000', 'tiny', '1'],
  ['BOOLEAN', 'TRUE', 'FALSE', '400', 'tiny', '0'],
  ['SMALLINT', '-32768', '32767', '40000', 'short', '-300'],
  ['SMALLINT UNSIGNED', '0', '65535', '70000', 'ushort', '60000'],
  ['MEDIUMINT', '-8388608', '8388607', '9000000', 'int24', '-70000'],
  ['MEDIUMINT UNSIGNED ZEROFILL', '0', '16777215', '-5', 'uint24', '70000'],
  ['INT', '-2147483648', '2147483647', '3000000000', 'long', '-100000'],
  ['INT(6) UNSIGNED ZEROFILL', '1', '4294967295', "'x'", 'ulong', '42'],
  ['BIGINT', '-9223372036854775808', '9223372036854775807', '9223372036854775808', 'longlong', '-5000000000'],
  ['BIGINT UNSIGNED', '0', '18446744073709551615', '-1', 'ulonglong', '18446744073709551614'],
  ['YEAR', '1901', '2155', '3000', 'year', '2024'],
].map((row) => columnType(row, '1'));

const numbers: readonly ColumnType[] = [
  ['DECIMAL(10,2)', '-12345678.91', '0.005', "'abc'", 'decimal', '3.14'],
  [
    'DECIMAL(65,30)',
    '12345678901234567890123456789012345.123456789012345678901234567890',
    '0',
    "'1e99'",
    'decimal',
    '-0.000000000000000000000000000001',
  ],
  ['DECIMAL(5,0) UNSIGNED ZEROFILL', '42', '99999', '-1', 'decimal', '7'],
  ['FLOAT', '-3.402e38', '1.17549e-38', '1e300', 'float', '1.5'],
  ['FLOAT(7,3)', '-999.999', '1234.5678', '123456', 'float', '2.25'],
  ['DOUBLE', '-1.7976931348623157e308', '2.2250738585072014e-308', "'1e999'", 'double', '0.1'],
  ['DOUBLE(12,4) UNSIGNED', '0.12345', '99999999.9999', '-2', 'double', '12.5'],
  ['BIT(1)', "b'0'", "b'1'", "b'10'", 'bit', '01'],
  ['BIT(20)', "b'10101010101010101010'", "b'0'", '2000000', 'bit', '0a0b0c'],
  ['BIT(64)', '0xFFFFFFFFFFFFFFFF', "b'1'", "'123456789'", 'bit', '0102030405060708'],
].map((row) => columnType(row, '1'));

const times: readonly ColumnType[] = [
  ['DATE', "'1000-01-01'", "'9999-12-31'", "'2024-02-30'", 'date', '2024-02-29'],
  ['TIME', "'-838:59:59'", "'838:59:59'", "'900:00:00'", 'time', '-12:34:56'],
  ['TIME(6)', "'00:00:00.000001'", "'12:34:56.789'", "'12:61:00'", 'time', '25:00:00.500000'],
  [
    'DATETIME',
    "'1000-01-01 00:00:00'",
    "'9999-12-31 23:59:59'",
    "'2024-13-01'",
    'datetime',
    '2024-02-29 12:34:56',
  ],
  [
    'DATETIME(3)',
    "'2024-02-29 12:34:56.789'",
    "'2000-01-01'",
    "'x'",
    'datetime',
    '2024-02-29 12:34:56.789000',
  ],
  [
    'DATETIME(6)',
    "'2024-02-29 12:34:56.789012'",
    "'0000-00-00'",
    "'2024-01-01 25:00:00'",
    'datetime',
    '1999-12-31 23:59:59.999999',
  ],
  [
    'TIMESTAMP NULL',
    "'1970-01-02 00:00:01'",
    "'2038-01-18 03:14:07'",
    "'1960-01-01'",
    'timestamp',
    '2024-02-29 12:34:56',
  ],
  [
    'TIMESTAMP(6) NULL',
    "'2001-09-09 01:46:40.5'",
    "'2024-06-30 12:00:00.000001'",
    "'2100-01-01'",
    'timestamp',
    '2024-02-29 12:34:56.000001',
  ],
].map((row) => columnType(row));

const long = (byte: string, count: number) => `REPEAT('${byte}', ${count})`;

const strings: readonly ColumnType[] = [
  ['CHAR(5)', "'abc  '", "'äöü'", "'abcdef'", 'string', 'xyz'],
  ['CHAR(0)', "''", 'NULL', "'a'", 'string', ''],
  ['VARCHAR(10)', "'trail  '", "'日本語'", "'12345678901'", 'varstring', 'Zürich'],
  ['VARCHAR(10) CHARACTER SET latin1', "'caf\u00e9'", "'plain'", "'日本'", 'varchar', 'na\u00efve'],
  ['VARCHAR(10) CHARACTER SET ascii', "'ascii'", "''", "'\u00e4'", 'varstring', 'ok'],
  ['VARCHAR(300) COLLATE utf8mb4_bin', "'Binary'", "'binary'", long('x', 301), 'varstring', 'BINARY'],
  ['VARCHAR(20) CHARACTER SET utf16', "'wide'", "'\u20ac'", long('w', 21), 'varstring', 'utf16'],
  ['VARCHAR(20) CHARACTER SET ucs2', "'two'", "'\u20ac'", long('w', 21), 'varstring', 'ucs2'],
  ['BINARY(4)', "'ab'", "X'00FF00FF'", "'abcde'", 'blob', '01020304'],
  ['VARBINARY(8)', "X'DEADBEEF'", "''", "'123456789'", 'blob', 'cafe'],
  ['TINYTEXT', "'tiny'", long('t', 255), long('t', 256), 'tinyblob', '74657874'],
  ['TEXT', "'text with \\'quotes\\' and \\n lines'", long('é', 1000), long('x', 70_000), 'varstring', 'text'],
  ['MEDIUMTEXT', long('m', 70_000), "''", long('ab', 2), 'mediumblob', '6d'],
  ['LONGTEXT', long('l', 1_000), "'🙂'", "'x'", 'longblob', '6c6f6e67'],
  ['TINYBLOB', "X'00'", long('b', 255), long('b', 256), 'tinyblob', '0001ff'],
  ['BLOB', "X'FE00FB00FC'", long('\\0', 300), long('x', 70_000), 'blob', 'fefefe'],
  ['MEDIUMBLOB', long('m', 66_000), "X'FF'", "'x'", 'mediumblob', 'ff00'],
  ['LONGBLOB', "X'FB'", "''", "'x'", 'longblob', 'fb'],
  ["ENUM('red','green','blue')", "'red'", "'BLUE'", "'pink'", 'enum', 'green'],
  ["SET('a','b','c','d')", "'a,c'", "''", "'a,x'", 'set', 'b,d'],
  ['JSON', '\'{"a": [1, 2, null]}\'', '\'"text"\'', "'{broken'", 'varstring', '[1,2,3]'],
  [
    'UUID',
    "'123e4567-e89b-12d3-a456-426655440000'",
    "'00000000-0000-0000-0000-000000000000'",
    "'zz'",
    'varstring',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ],
  ['INET6', "'2001:db8::ff00:42:8329'", "'::'", "'1.2.3'", 'varstring', '::ffff:192.0.2.1'],
  ['INET4', "'192.0.2.1'", "'0.0.0.0'", "'300.1.1.1'", 'varstring', '255.255.255.255'],
].map(([type = '', low = '', high = '', bad = '', kind = '', value = '']) => ({
  type,
  values: [low, high, low],
  bad,
  parameter: parameter(kind as 'tiny', value),
  ...(/TEXT|BLOB|JSON|CHAR\(0/.test(type) ? { key: false } : {}),
}));

const point = '000000000101000000000000000000f03f0000000000000040';
const shapes: readonly ColumnType[] = [
  ['GEOMETRY', "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0, 1 1, 2 2)')", "'bad'"],
  [
    'POINT',
    'POINT(1, 2)',
    "ST_GeomFromText('POINT(-1.5 2.5)', 4326)",
    "ST_GeomFromText('LINESTRING(0 0, 1 1)')",
  ],
  [
    'LINESTRING',
    "ST_GeomFromText('LINESTRING(0 0, 1 1)')",
    "ST_GeomFromText('LINESTRING(1 1, 2 3)')",
    'POINT(1, 1)',
  ],
  [
    'POLYGON',
    "ST_GeomFromText('POLYGON((0 0, 0 4, 4 4, 4 0, 0 0))')",
    "ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))')",
    '5',
  ],
  ['MULTIPOINT', "ST_GeomFromText('MULTIPOINT(0 0, 1 1)')", "ST_GeomFromText('MULTIPOINT(5 5)')", "''"],
  [
    'GEOMETRYCOLLECTION',
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')",
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))')",
    '0',
  ],
].map(([type = '', low = '', high = '', bad = '']) => ({
  type,
  values: [low, high, low],
  bad,
  parameter: parameter('geometry', point),
  key: false,
}));

function writes({ type, values, bad, parameter: given }: ColumnType): Script {
  const [low, high] = values;
  return script(
    `types/${type}: writes`,
    `CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, c ${type}, d ${type}) ENGINE=InnoDB`,
    `INSERT INTO t (c, d) VALUES (${low}, NULL)`,
    `INSERT INTO t (c, d) VALUES (${high}, ${low}), (NULL, ${high})`,
    `INSERT INTO t (c) VALUES (${bad})`,
    `INSERT IGNORE INTO t (c) VALUES (${bad})`,
    'SHOW WARNINGS',
    "SET sql_mode = ''",
    `INSERT INTO t (c) VALUES (${bad})`,
    'SHOW WARNINGS',
    `UPDATE t SET c = ${bad} WHERE id = 1`,
    'SHOW WARNINGS',
    'SET sql_mode = DEFAULT',
    execute('INSERT INTO t (c, d) VALUES (?, ?)', given, nothing),
    execute('INSERT INTO t (c, d) VALUES (?, ?)', text('1'), given),
    'SHOW WARNINGS',
    execute('UPDATE t SET d = ? WHERE id = 2', given),
    'REPLACE INTO t SELECT * FROM t WHERE id = 1',
    `INSERT INTO t (id, c) VALUES (1, ${high}) ON DUPLICATE KEY UPDATE c = VALUES(c), d = ${low}`,
    `DELETE FROM t WHERE c = ${high}`,
    settle,
    both('SELECT * FROM t ORDER BY id'),
    `ALTER TABLE t MODIFY d ${type} NOT NULL DEFAULT ${/TEXT|BLOB|NULL|POINT|LINE|POLY|GEOM/.test(type) ? `(${low === 'NULL' ? high : low})` : low}`,
    'SHOW WARNINGS',
    'SHOW CREATE TABLE t',
    'INSERT INTO t (c) VALUES (NULL)',
    'SELECT d FROM t ORDER BY id DESC LIMIT 1',
  );
}

function reads({ type, values, parameter: given, key }: ColumnType): Script {
  const [low, high, third] = values;
  // The server makes a FLOAT or DOUBLE of 23 digits of that, and writes the plain type into the binlog: 12 or 22 digits
  // on any replica.
  const greatest = /^(FLOAT|DOUBLE)/.test(type) ? 'd' : 'MAX(d) OVER ()';
  return script(
    `types/${type}: reads`,
    `CREATE TABLE t (id INT PRIMARY KEY, c ${type}, d ${type}${key === false ? '' : ', KEY (c)'}) ENGINE=InnoDB`,
    `INSERT INTO t VALUES (1, ${low}, ${high}), (2, ${high}, NULL), (3, NULL, ${third}), (4, ${third}, ${third})`,
    settle,
    both(
      'SELECT * FROM t ORDER BY id',
      'SELECT c AS alias, t.d, id + 0 n FROM t AS t ORDER BY id',
      `SELECT id FROM t WHERE c = ${low} ORDER BY id`,
      'SELECT c FROM t WHERE id = 99',
      'SELECT MIN(c), MAX(d), COUNT(c), COUNT(DISTINCT d) FROM t',
      'SELECT c, COUNT(*) FROM t GROUP BY c ORDER BY c',
      'SELECT c FROM t ORDER BY c DESC, id',
      'SELECT HEX(c), LENGTH(c), CHAR_LENGTH(d) FROM t ORDER BY id',
      'SELECT CAST(c AS CHAR(40)), CAST(c AS BINARY(12)) FROM t ORDER BY id',
      'SELECT COALESCE(c, d), IFNULL(d, c), NULLIF(c, d), IF(id > 2, c, d) FROM t ORDER BY id',
      'SELECT c FROM t UNION ALL SELECT d FROM t',
      'SELECT a.c, b.d FROM t a LEFT JOIN t b ON a.id = b.id + 1 ORDER BY a.id',
      'SELECT (SELECT d FROM t WHERE id = 1) s, EXISTS (SELECT c FROM t) e',
      "SELECT CONCAT(c, '') x, GROUP_CONCAT(c ORDER BY id SEPARATOR '|') g FROM t GROUP BY id",
    ),
    'SELECT c + 0, -c, c IS NULL, c <=> d FROM t ORDER BY id',
    'SHOW WARNINGS',
    execute('SELECT id, c FROM t WHERE c = ? OR d <=> ? ORDER BY id', given, given),
    execute('SELECT ? AS p, c FROM t WHERE id = 1', given),
    'DESCRIBE t',
    'SHOW FULL COLUMNS FROM t',
    `CREATE TABLE copy AS SELECT c, COALESCE(c, d) e, ${greatest} m FROM t`,
    settle,
    'SHOW COLUMNS FROM copy',
    'SELECT * FROM copy ORDER BY c IS NULL, c, e',
  );
}

export const typeScripts: readonly Script[] = [
  ...integers,
  ...numbers,
  ...times,
  ...strings,
  ...shapes,
].flatMap((column) => [writes(column), reads(column)]);
