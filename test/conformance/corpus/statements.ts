/** Prepared statements: every parameter type, cursors, long data, bulk, and what may change between executions. */
import {
  both,
  type ExecuteStep,
  execute,
  executeMany,
  int,
  nothing,
  type ParameterType,
  parameter,
  type Script,
  script,
  settle,
  text,
} from '../step.ts';

const samples: readonly (readonly [ParameterType, readonly (string | null)[]])[] = [
  ['null', [null]],
  ['tiny', ['-128', '0', '127']],
  ['utiny', ['0', '128', '255']],
  ['short', ['-32768', '32767']],
  ['ushort', ['65535']],
  ['int24', ['-8388608', '8388607']],
  ['uint24', ['16777215']],
  ['long', ['-2147483648', '2147483647']],
  ['ulong', ['4294967295']],
  ['longlong', ['-9223372036854775808', '9223372036854775807', '9007199254740993']],
  ['ulonglong', ['18446744073709551615']],
  ['float', ['0.5', '-1.25', '3.0e20']],
  ['double', ['0.1', '-1e308', '2.5e-300']],
  ['decimal', ['1.10', '-99999999999999999999.999', '0']],
  ['varchar', ['', 'plain', 'it\'s \\ "quoted"']],
  ['string', ['é日🙂', 'trail  ']],
  ['varstring', ['2024-01-01', '12abc', '']],
  ['tinyblob', ['00', '00ff00']],
  ['blob', ['deadbeef', '']],
  ['mediumblob', ['ff'.repeat(300)]],
  ['longblob', ['fe'.repeat(70_000)]],
  ['bit', ['01', '00ff']],
  ['enum', ['red']],
  ['set', ['a,b']],
  ['geometry', ['000000000101000000000000000000f03f0000000000000040']],
  ['year', ['2024', '0']],
  ['date', ['2024-02-29', '0000-00-00', '9999-12-31']],
  ['datetime', ['2024-02-29 12:34:56', '2024-02-29 00:00:00', '2024-02-29 12:34:56.123456']],
  ['timestamp', ['2024-02-29 12:34:56', '1970-01-01 00:00:00']],
  ['time', ['00:00:00', '-12:34:56', '838:59:59.000001', '100:00:00.5']],
];

const expressions = [
  'SELECT ? AS value',
  'SELECT ? + 0, ? IS NULL, LENGTH(?)',
  'SELECT CONCAT(?, ?), HEX(?)',
  'SELECT COALESCE(?, 1), IF(? > 5, ?, 0)',
  'SELECT CAST(? AS CHAR), CAST(? AS DECIMAL(30,5)), CAST(? AS DATETIME(6))',
  'SELECT a FROM p WHERE v = ?',
  'SELECT * FROM p WHERE v IN (?, ?) OR a = ? ORDER BY a',
];

function ofType([type, values]: (typeof samples)[number]): Script {
  const executions = expressions.map((sql): ExecuteStep => {
    const count = [...sql].filter((character) => character === '?').length;
    return executeMany(
      sql,
      ...values.map((value) => Array.from({ length: count }, () => parameter(type, value))),
    );
  });
  return script(
    `statements/parameter ${type}`,
    'CREATE TABLE p (a INT PRIMARY KEY, v VARCHAR(100), b LONGBLOB, n DOUBLE)',
    "INSERT INTO p VALUES (1, '1', '', 1), (2, '2024-01-01', 'x', 2), (3, NULL, NULL, NULL)",
    settle,
    ...executions,
    executeMany(
      'INSERT IGNORE INTO p SELECT MAX(a) + 1, LEFT(?, 50), ?, ? FROM p',
      ...values.map((value) => [0, 1, 2].map(() => parameter(type, value))),
    ),
    'SHOW WARNINGS',
    'SELECT a, v, HEX(b), n FROM p ORDER BY a',
  );
}

const rows = (count: number) =>
  `CREATE TABLE r (id INT PRIMARY KEY, name VARCHAR(30), at DATETIME(3) NULL, amount DECIMAL(10,2));
INSERT INTO r SELECT seq, CONCAT('name ', seq), '2024-01-01 00:00:00' + INTERVAL seq SECOND, seq / 7 FROM seq_1_to_${count}`.split(
    ';\n',
  );

const cursor = (
  sql: string,
  fetchRows: number,
  ...parameters: Parameters<typeof execute>[1][]
): ExecuteStep => ({
  ...execute(sql, ...parameters),
  fetchRows,
});

const cursors = script(
  'statements/cursors',
  rows(100),
  settle,
  cursor('SELECT * FROM r ORDER BY id', 7),
  cursor('SELECT * FROM r ORDER BY id', 100),
  cursor('SELECT * FROM r ORDER BY id', 101),
  cursor('SELECT * FROM r WHERE id = ?', 1, int(5)),
  cursor('SELECT * FROM r WHERE id > ?', 10, int(1000)),
  cursor('SELECT id, COUNT(*) OVER () FROM r WHERE name LIKE ?', 3, text('name 1%')),
  cursor('SELECT a.id, b.name FROM r a JOIN r b USING (id) WHERE a.id < 20', 5),
  cursor('UPDATE r SET amount = amount + 1 WHERE id < ?', 5, int(10)),
  cursor('SELECT SUM(amount) FROM r', 1),
  cursor('SHOW TABLES', 1),
  cursor('SELECT no_such FROM r', 2),
  'BEGIN',
  cursor('SELECT * FROM r WHERE id < 30 FOR UPDATE', 4),
  'ROLLBACK',
  'START TRANSACTION READ ONLY',
  cursor('SELECT * FROM r WHERE id < 30', 4),
  'COMMIT',
  // An error in place of the EOF behind the definitions.
  { ...cursor('SELECT (SELECT id FROM r)', 2), hangs: ['mysqli'] },
);

const longData = script(
  'statements/long data',
  'CREATE TABLE l (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB, t LONGTEXT)',
  ...['00', 'ab'.repeat(10), 'cd'.repeat(100_000), ''].flatMap((bytes) => [
    {
      ...execute('INSERT INTO l (b, t) VALUES (?, ?)', parameter('longblob', bytes), text('text')),
      longData: true,
    },
    {
      ...execute('SELECT LENGTH(?), HEX(LEFT(?, 5))', parameter('blob', bytes), parameter('blob', bytes)),
      longData: true,
    },
    'SELECT id, LENGTH(b), MD5(b), t FROM l ORDER BY id',
  ]),
);

const bulk = script(
  'statements/bulk',
  'CREATE TABLE b (id INT AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(20), UNIQUE (n))',
  ...[
    executeMany(
      'INSERT INTO b (n, s) VALUES (?, ?)',
      ...[1, 2, 3, 4, 5].map((n) => [int(n), text(`row ${n}`)]),
    ),
    executeMany(
      'INSERT INTO b (n, s) VALUES (?, ?)',
      [int(6), nothing],
      [nothing, text('x')],
      [int(7), text('y')],
    ),
    executeMany(
      'INSERT INTO b (n, s) VALUES (?, ?)',
      [int(8), text('a')],
      [int(1), text('duplicate')],
      [int(9), text('b')],
    ),
    executeMany('UPDATE b SET s = ? WHERE n = ?', ...[1, 2, 77].map((n) => [text('changed'), int(n)])),
    executeMany('DELETE FROM b WHERE n = ?', [int(3)], [int(4)], [int(99)]),
    executeMany(
      'INSERT INTO b (n, s) VALUES (?, ?) RETURNING id, n',
      [int(20), text('p')],
      [int(21), text('q')],
    ),
  ].map((step) => ({ ...step, bulk: true })),
  'SELECT * FROM b ORDER BY id',
  // In one statement, behind a read on a replica: see docs/router.md.
  'SELECT ROW_COUNT()',
  'SELECT LAST_INSERT_ID()',
);

const changes = script(
  'statements/what changes between executions',
  'CREATE TABLE c (a INT PRIMARY KEY, b VARCHAR(10))',
  "INSERT INTO c VALUES (1, 'one'), (2, 'two')",
  settle,
  executeMany('SELECT * FROM c WHERE a = ?', [int(1)], [text('2')], [parameter('double', '1')], [nothing]),
  executeMany(
    'SELECT ? x',
    [int(1)],
    [text('t')],
    [parameter('datetime', '2024-01-01 01:02:03')],
    [nothing],
    [int(2)],
  ),
  executeMany('SELECT a FROM c LIMIT ?', [int(1)], [int(0)], [int(5)]),
  execute('SELECT a FROM c LIMIT ?, ?', int(1), int(1)),
  'ALTER TABLE c ADD d INT DEFAULT 9',
  settle,
  executeMany('SELECT * FROM c WHERE a = ?', [int(1)], [int(2)]),
  executeMany(
    'INSERT INTO c (a, b) VALUES (?, ?)',
    [int(3), text('x')],
    [int(3), text('dup')],
    [int(4), text('too long a text')],
  ),
  'SHOW WARNINGS',
  'DROP TABLE c',
  execute('SELECT * FROM c'),
  execute('SELECT ?'),
  execute('SELECT 1', int(1)),
  execute('SELEC ?', int(1)),
  execute('SELECT 1; SELECT 2'),
  execute(''),
  execute('# only a comment'),
);

const commands = script(
  'statements/statements that are not SELECT',
  ...both(
    'CREATE TABLE s (a INT)',
    'INSERT INTO s VALUES (1), (2)',
    'SHOW TABLES',
    'SHOW COLUMNS FROM s',
    'DESCRIBE s',
    'EXPLAIN SELECT * FROM s WHERE 0',
    'SHOW WARNINGS',
    'SET @x = 5',
    'SELECT @x, @y',
    'DO 1',
    'BEGIN',
    'SAVEPOINT one',
    'ROLLBACK TO one',
    'COMMIT',
    'ANALYZE TABLE s',
    'CHECK TABLE s',
    'CREATE VIEW v AS SELECT a FROM s',
    'SELECT * FROM v',
    'DROP VIEW v',
    'TRUNCATE s',
    'CALL no_such()',
    'USE conf',
    'KILL 0',
    'LOCK TABLES s READ',
    'UNLOCK TABLES',
    'SET sql_mode = DEFAULT',
    'FLUSH TABLES s',
    'DROP TABLE s',
  ),
  "PREPARE p FROM 'SELECT ? + ?'",
  'SET @a = 1, @b = 2',
  'EXECUTE p USING @a, @b',
  'EXECUTE p',
  'DEALLOCATE PREPARE p',
  'EXECUTE p USING @a, @b',
  'PREPARE p FROM @nothing',
  "EXECUTE IMMEDIATE 'SELECT ?' USING 5",
  "EXECUTE IMMEDIATE CONCAT('SELECT ', 7)",
  "EXECUTE IMMEDIATE 'CREATE TABLE e (a INT)'",
  "EXECUTE IMMEDIATE 'INSERT INTO e VALUES (?)' USING 3",
  'SELECT * FROM e',
  "EXECUTE IMMEDIATE 'nonsense'",
  'EXECUTE IMMEDIATE NULL',
);

export const statementScripts: readonly Script[] = [
  ...samples.map(ofType),
  cursors,
  longData,
  bulk,
  changes,
  commands,
];
