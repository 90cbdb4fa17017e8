/** Functions, SHOW, DESCRIBE and EXPLAIN that a replica may answer; each must succeed on the schema of `schema.ts`. */
import { type Row, rows } from './row.ts';

const replica = { class: 'read', target: 'replica', reason: 'read' } as const;

export const functionReads: readonly Row[] = [
  ...rows(
    replica,
    `SELECT NOW()
    SELECT NOW( ), now(6), CURRENT_TIMESTAMP, CURRENT_TIMESTAMP()
    SELECT CURDATE(), CURTIME(), CURRENT_DATE, CURRENT_TIME(3), SYSDATE(), LOCALTIME, LOCALTIMESTAMP()
    SELECT UTC_DATE(), UTC_TIME(), UTC_TIMESTAMP
    SELECT UNIX_TIMESTAMP(), FROM_UNIXTIME(0), UNIX_TIMESTAMP('2020-01-01')
    SELECT DATE_ADD('2020-01-01', INTERVAL 1 DAY), '2020-01-01' - INTERVAL 1 MONTH
    SELECT DATE_SUB(NOW(), INTERVAL 1 HOUR), ADDDATE('2020-01-01', 1), SUBDATE('2020-01-01', 1)
    SELECT EXTRACT(YEAR FROM c) FROM t
    SELECT EXTRACT(DAY_MINUTE FROM NOW())
    SELECT YEAR(c), MONTH(c), DAY(c), HOUR(c), MINUTE(c), SECOND(c), MICROSECOND(c), QUARTER(c), WEEK(c) FROM t
    SELECT DATE(c), TIME(c), TIMESTAMP(c), TIMESTAMP(c, '1:00') FROM t
    SELECT DATE_FORMAT(c, '%Y'), GET_FORMAT(DATE, 'EUR'), STR_TO_DATE('1', '%d') FROM t
    SELECT TIMESTAMPDIFF(DAY, c, NOW()), TIMESTAMPADD(HOUR, 1, c) FROM t
    SELECT CONVERT_TZ(c, '+00:00', '+02:00') FROM t
    SELECT LAST_DAY(c), DAYNAME(c), MAKEDATE(2020, 1), SEC_TO_TIME(5) FROM t
    SELECT CONCAT(b, 'x'), CONCAT_WS(',', a, b), LENGTH(b), CHAR_LENGTH(b), UPPER(b), LOWER(b) FROM t
    SELECT SUBSTRING(b, 1, 2), SUBSTRING(b FROM 1), SUBSTRING(b FROM 1 FOR 2), SUBSTR(b, 1), MID(b, 1, 1) FROM t
    SELECT TRIM(b), TRIM(LEADING 'x' FROM b), TRIM(BOTH FROM b), LTRIM(b), RTRIM(b) FROM t
    SELECT TRIM('x' FROM b), t.a FROM t, u
    SELECT LEFT(b, 1), RIGHT(b, 1), LPAD(b, 5, ' '), RPAD(b, 5, ' '), REPEAT(b, 2), REVERSE(b) FROM t
    SELECT REPLACE(b, 'x', 'y'), INSERT(b, 1, 1, 'z'), INSTR(b, 'x'), LOCATE('x', b), POSITION('x' IN b) FROM t
    SELECT IF(a, 1, 2), IFNULL(a, 1), NULLIF(a, 1), COALESCE(a, b, 1), NVL(a, 1), NVL2(a, 1, 2) FROM t
    SELECT TRUNCATE(d, 1), ROUND(d), ROUND(d, 1), FLOOR(d), CEIL(d), CEILING(d), MOD(a, 2), ABS(a) FROM t
    SELECT RAND(), RAND(5), PI(), POW(2, 3), SQRT(4), SIGN(-1), LOG(2), LOG2(2), EXP(1)
    SELECT GREATEST(1, 2), LEAST(1, 2), FIELD('a', 'b'), ELT(1, 'a'), FIND_IN_SET('a', 'a,b')
    SELECT HEX(b), UNHEX('4D'), MD5(b), SHA1(b), SHA2(b, 256), CRC32(b), TO_BASE64(b), FROM_BASE64('eA==') FROM t
    SELECT AES_ENCRYPT('a', 'k'), ENCODE('a', 'b'), DECODE('a', 'b'), PASSWORD('x'), COMPRESS('a')
    SELECT FORMAT(1234.5, 2), CHAR(65), CHAR(65 USING utf8mb4), ASCII('a'), ORD('a'), BIN(5), OCT(5), CONV('a', 16, 2)
    SELECT CAST(a AS CHAR), CAST(a AS CHAR(10)), CAST(a AS DECIMAL(10, 2)), CAST(c AS DATETIME(6)) FROM t
    SELECT CAST(a AS SIGNED), CAST(a AS UNSIGNED INTEGER), CAST(b AS BINARY(3)), CAST(c AS DATE) FROM t
    SELECT CONVERT(b USING latin1), CONVERT(a, CHAR(5)), CONVERT(b, BINARY) FROM t
    SELECT CHARSET(b), COLLATION(b), COERCIBILITY(b), CONVERT(b USING utf8mb4) COLLATE utf8mb4_bin FROM t
    SELECT SLEEP(0), BENCHMARK(1, 1 + 1)
    SELECT UUID(), SYS_GUID(), LENGTH(RANDOM_BYTES(4))
    SELECT DATABASE(), SCHEMA(), USER(), CURRENT_USER, CURRENT_USER(), SESSION_USER(), SYSTEM_USER(), CURRENT_ROLE
    SELECT INET_ATON('1.2.3.4'), INET_NTOA(1), INET6_ATON('::1'), IS_IPV4('x')
    SELECT NAME_CONST('x', 1)
    SELECT REGEXP_REPLACE(b, 'x', 'y'), REGEXP_SUBSTR(b, 'x'), REGEXP_INSTR(b, 'x') FROM t
    SELECT EXTRACTVALUE('<a>1</a>', '/a'), UPDATEXML('<a>1</a>', '/a', '<b/>')
    SELECT COLUMN_GET(COLUMN_CREATE('a', 1), 'a' AS INT), COLUMN_LIST(COLUMN_CREATE('a', 1))
    SELECT JSON_EXTRACT(j, '$.a'), JSON_VALUE(j, '$.a'), JSON_UNQUOTE('"a"'), JSON_OBJECT('a', 1), JSON_ARRAY(1) FROM t
    SELECT JSON_ARRAYAGG(a), JSON_OBJECTAGG(id, a) FROM t
    SELECT JSON_CONTAINS('[1]', '1'), JSON_LENGTH('[1]'), JSON_SET('{}', '$.a', 1), JSON_VALID('{}')
    SELECT COUNT(*), COUNT(DISTINCT a), SUM(a), AVG(a), MIN(a), MAX(a), STD(a), VARIANCE(a), BIT_OR(a) FROM t
    SELECT count(*) FROM t
    SELECT FIRST_VALUE(a) OVER (ORDER BY a), NTH_VALUE(a, 2) OVER (ORDER BY a), NTILE(2) OVER (ORDER BY a) FROM t
    SELECT ST_AsText(p), ST_X(p), ST_Distance(p, POINT(1, 1)) FROM g
    SELECT ST_GeomFromText('POINT(1 1)'), LINESTRING(POINT(0, 0), POINT(1, 1)), ST_Within(p, p) FROM g
    SELECT TO_CHAR(NOW(), 'YYYY'), ADD_MONTHS(NOW(), 1), CHR(65), LENGTHB('a'), NATURAL_SORT_KEY('a1'), SFORMAT('{}', 1)
    DO 1
    DO SLEEP(0), 1 + 1
    SELECT test.t.a, u.name FROM test.t, u WHERE LOWER(u.name) = LOWER(t.b)
    SELECT a /* c */ FROM t WHERE a IN /* c */ (1, 2)
    SELECT MAX(a)FROM t
    SELECT(1)
    SELECT(SELECT 1)
    SELECT-1
    SELECT'a'
    SELECT*FROM t
    SELECT\`a\`FROM\`t\`
    SELECT a FROM t WHERE\`a\`=1 AND 1`,
  ),
  ...rows(
    replica,
    `SHOW TABLES
    SHOW FULL TABLES
    SHOW TABLES FROM test
    SHOW TABLES IN other LIKE 't%'
    SHOW TABLES WHERE 1
    SHOW DATABASES
    SHOW SCHEMAS LIKE 'test'
    SHOW COLUMNS FROM t
    SHOW FULL COLUMNS FROM t
    SHOW FULL COLUMNS FROM t FROM test
    SHOW FIELDS IN t LIKE 'a%'
    SHOW COLUMNS FROM test.t WHERE Field = 'a'
    SHOW TRIGGERS
    SHOW TRIGGERS FROM test LIKE 't'
    SHOW COLLATION
    SHOW COLLATION LIKE 'utf8mb4%'
    SHOW CHARACTER SET
    SHOW CHARSET LIKE 'latin1'
    SHOW CREATE DATABASE test
    SHOW CREATE SCHEMA test
    SHOW CREATE VIEW v
    SHOW CREATE FUNCTION twice
    SHOW CREATE PROCEDURE nothing
    DESCRIBE t
    DESC t
    DESC test.t
    DESC t a
    DESCRIBE t 'a%'
    EXPLAIN t
    EXPLAIN SELECT * FROM t
    EXPLAIN EXTENDED SELECT * FROM t
    EXPLAIN PARTITIONS SELECT * FROM p
    EXPLAIN FORMAT=JSON SELECT * FROM t
    EXPLAIN FORMAT = JSON SELECT * FROM t WHERE a IN (SELECT id FROM u)
    EXPLAIN (SELECT 1) UNION (SELECT 2)
    EXPLAIN WITH x AS (SELECT 1) SELECT * FROM x
    DESC SELECT * FROM t
    ANALYZE SELECT * FROM t
    ANALYZE FORMAT=JSON SELECT * FROM t
    SET STATEMENT max_statement_time=5 FOR SELECT 1
    SET STATEMENT max_statement_time = 5, group_concat_max_len = 1000 FOR SELECT * FROM t
    SET STATEMENT optimizer_switch='mrr=on' FOR SELECT * FROM t`,
  ),
];

/** The same, where the server is stricter: it refuses them with default settings. */
export const refusedReads: readonly Row[] = rows(
  replica,
  `;SELECT 1
  ;; SELECT 1 ;;
  SELECT NOW ()
  SELECT COUNT (*) FROM t`,
);

/** Whole transactions that a replica may run. */
export const readOnlyBegins: readonly Row[] = rows(
  { class: 'transaction', target: 'replica', reason: 'read only transaction', commit: true },
  `START TRANSACTION READ ONLY ⇒ begin ro
  start transaction read only; ⇒ begin ro
  START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY ⇒ begin ro snapshot
  START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT ⇒ begin ro snapshot
  START /* c */ TRANSACTION READ ONLY ⇒ begin ro`,
);
