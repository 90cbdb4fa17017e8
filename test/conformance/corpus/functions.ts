/** The built-in functions, each once in both protocols: types and lengths of results are the server's business. */
import { both, type Script, script, settle } from '../step.ts';

const byTopic: Readonly<Record<string, readonly string[]>> = {
  numeric: [
    'ABS(-5), ABS(-1.5), ABS(-1e3)', 'ACOS(0.5), ASIN(2), ATAN(1, 2)', 'CEIL(1.2), CEILING(-1.2e0), FLOOR(-0.5)', 'CONV("ff", 16, 10), CONV(255, 10, -2)',
    'CRC32("x"), CRC32C("x")', 'DEGREES(PI()), RADIANS(180)', 'EXP(1), LN(2), LOG(10), LOG(2, 8), LOG10(1000), LOG2(0)', 'GREATEST(1, 2.5, "3"), LEAST(NULL, 1)',
    'MOD(10, 3), 10 % 0, 10 DIV 3, -7 MOD 3', 'PI(), POW(2, 10), SQRT(2), SIGN(-3)', 'RAND(5)', 'ROUND(1.555, 2), ROUND(15, -1), TRUNCATE(1.999, 1)',
    'SIN(1), COS(1), TAN(1), COT(1)', '1 + 1, 1 - 2.5, 2 * "3", 7 / 2, 7 DIV 2', '5 & 3, 5 | 3, 5 ^ 3, ~5, 1 << 3, 16 >> 2, BIT_COUNT(255)',
    'BIN(10), OCT(10), HEX(255), HEX("ab"), UNHEX("4142")', 'FORMAT(1234567.891, 2), FORMAT(1234.5, 1, "de_DE")', 'INTERVAL(23, 1, 15, 17, 30)', 'CAST(1.5 AS UNSIGNED), CAST(-1 AS UNSIGNED), CONVERT("7", DOUBLE)',
    'NATURAL_SORT_KEY("a10")', '!0, NOT NULL, 1 XOR 1, 1 AND NULL, 0 OR NULL', '1 <=> NULL, NULL <=> NULL, 1 IN (1, NULL), 2 NOT IN (1, NULL), 2 BETWEEN 1 AND 3',
  ],
  text: [
    'ASCII("a"), ORD("é"), CHAR(65, 66), CHAR(0xE9 USING latin1)', 'CHAR_LENGTH("é"), LENGTH("é"), BIT_LENGTH("é"), OCTET_LENGTH("x")', 'CONCAT("a", 1, 2.5), CONCAT(NULL, "a"), CONCAT_WS(",", "a", NULL, "b")',
    'ELT(2, "a", "b"), FIELD("b", "a", "b"), FIND_IN_SET("b", "a,b"), MAKE_SET(5, "a", "b", "c"), EXPORT_SET(5, "Y", "N", ",", 4)', 'INSERT("Quadratic", 3, 4, "What"), INSTR("foobar", "bar"), LOCATE("a", "banana", 3), POSITION("n" IN "banana")',
    'LCASE("ÄB"), UCASE("äb"), LOWER(X"41"), UPPER(NULL)', 'LEFT("abc", 2), RIGHT("abc", 2), MID("abc", 2), SUBSTRING("abc", -2, 1), SUBSTR("abc" FROM 2 FOR 1), SUBSTRING_INDEX("a.b.c", ".", -2)',
    'LPAD("a", 5, "xy"), RPAD("a", 5), SPACE(3), REPEAT("ab", 2), REVERSE("abc")', 'LTRIM("  a "), RTRIM(" a  "), TRIM(" a "), TRIM(LEADING "x" FROM "xxa"), TRIM(BOTH FROM " b ")', 'QUOTE("it\'s"), QUOTE(NULL), REPLACE("aba", "a", "x")',
    'REGEXP_REPLACE("abc", "b", "x"), REGEXP_SUBSTR("abc", "b."), REGEXP_INSTR("abc", "c"), "abc" RLIKE "^a"', 'SOUNDEX("Robert"), "a" SOUNDS LIKE "b", STRCMP("a", "b")', 'TO_BASE64("abc"), FROM_BASE64("YWJj"), FROM_BASE64("!")',
    'MD5("x"), SHA1("x"), SHA2("x", 256), SHA2("x", 1), PASSWORD("x"), OLD_PASSWORD("x")', 'HEX(AES_ENCRYPT("text", "key")), AES_DECRYPT(AES_ENCRYPT("text", "key"), "key")', 'HEX(COMPRESS("aaaaaaaa")), UNCOMPRESS(COMPRESS("aaa")), UNCOMPRESSED_LENGTH(COMPRESS("aaa"))',
    'HEX(WEIGHT_STRING("a")), CHARSET("a"), COLLATION("a"), COERCIBILITY("a")', '"a" COLLATE utf8mb4_bin, _utf8mb4"x", CONVERT("a" USING latin1), BINARY "a"', 'LIKE_RANGE_MIN("a", 1)', '"a%" LIKE "a|%" ESCAPE "|", "A" LIKE BINARY "a"', 'SFORMAT("{} is {}", "x", 5)',
    'EXTRACTVALUE("<a><b>x</b></a>", "/a/b"), UPDATEXML("<a>1</a>", "/a", "<b/>")', 'INET_ATON("1.2.3.4"), INET_NTOA(16909060), INET6_NTOA(INET6_ATON("::1")), IS_IPV4("1.2.3.4"), IS_IPV6("x")', 'UUID() IS NOT NULL, LENGTH(SYS_GUID()), UUID_SHORT() > 0', 'DECODE("a", "b"), ENCODE("a", "b"), DES_ENCRYPT("x")', 'ENCRYPT("a", "bc")', 'CHR(65), CONCAT_OPERATOR_ORACLE("a", NULL), TO_CHAR("2024-01-01", "YYYY")',
  ],
  times: [
    'ADDDATE("2024-01-31", INTERVAL 1 MONTH), SUBDATE("2024-01-01", 1), "2024-01-01" + INTERVAL 1 DAY, DATE_SUB("2024-01-01 00:00:00", INTERVAL 1 SECOND)', 'ADDTIME("10:00:00", "01:30:00"), SUBTIME("2024-01-01 00:00:00", "1 00:00:00.000001"), TIMEDIFF("10:00", "12:00")',
    'DATE("2024-01-01 10:00"), TIME("2024-01-01 10:00:00.5"), TIMESTAMP("2024-01-01"), TIMESTAMP("2024-01-01", "10:00")', 'DATEDIFF("2024-01-01", "2023-01-01"), TIMESTAMPDIFF(MONTH, "2023-01-01", "2024-01-15"), TIMESTAMPADD(WEEK, 1, "2024-01-01")',
    'DATE_FORMAT("2024-03-05 14:05:06.789", "%Y-%m-%d %H:%i:%s.%f %a %b %j %U %w %p %r"), TIME_FORMAT("14:05:06", "%h %p"), GET_FORMAT(DATE, "EUR")', 'DAY("2024-01-31"), DAYNAME("2024-01-01"), DAYOFWEEK("2024-01-01"), DAYOFYEAR("2024-12-31"), WEEKDAY("2024-01-01"), LAST_DAY("2024-02-01")',
    'YEAR("2024-01-01"), QUARTER("2024-05-01"), MONTH("2024-05-01"), MONTHNAME("2024-05-01"), WEEK("2024-01-01", 1), WEEKOFYEAR("2024-01-01"), YEARWEEK("2024-01-01")', 'HOUR("272:59:59"), MINUTE("10:05:03"), SECOND("10:05:03"), MICROSECOND("10:05:03.000123")',
    'EXTRACT(YEAR_MONTH FROM "2024-01-01"), EXTRACT(DAY_MICROSECOND FROM "2024-01-01 10:00:00.5")', 'FROM_DAYS(739000), TO_DAYS("2024-01-01"), TO_SECONDS("2024-01-01")', 'FROM_UNIXTIME(1700000000), FROM_UNIXTIME(1.5), FROM_UNIXTIME(0, "%Y"), UNIX_TIMESTAMP("2024-01-01 00:00:00.25")',
    'MAKEDATE(2024, 60), MAKETIME(10, 5, 3), MAKETIME(10, 65, 3), PERIOD_ADD(202401, 2), PERIOD_DIFF(202401, 202312)', 'SEC_TO_TIME(3661), SEC_TO_TIME(1.5), TIME_TO_SEC("01:01:01")', 'STR_TO_DATE("05.03.2024", "%d.%m.%Y"), STR_TO_DATE("10:05", "%H:%i"), STR_TO_DATE("x", "%d")',
    'CONVERT_TZ("2024-01-01 00:00:00", "+00:00", "+05:30")', 'NOW() > "2020-01-01", CURDATE() > 0, CURTIME() IS NULL, SYSDATE() IS NULL, UTC_DATE() > 0, LOCALTIME IS NULL, NOW(6) IS NULL', 'CAST("2024-01-01" AS DATETIME(3)), CAST(20240101 AS DATE), CAST("10:00" AS TIME(2)), DATE "2024-01-01" + 0', 'ADD_MONTHS("2024-01-31", 1)',
  ],
  other: [
    'IF(1, "a", 2), IFNULL(NULL, 5), NULLIF(1, 1), COALESCE(NULL, "x"), NVL(NULL, 3), NVL2(1, 2, 3), DECODE_ORACLE(1, 1, "x")', 'DATABASE(), USER(), CURRENT_USER(), CONNECTION_ID() > 0', 'VERSION(), FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID()', 'SLEEP(0), BENCHMARK(1, 1)', 'ISNULL(NULL), NULL IS NULL, 1 IS TRUE, NULL IS UNKNOWN, "a" IS NOT NULL',
    'GET_LOCK("f", 0), IS_USED_LOCK("f") > 0, RELEASE_LOCK("f")', 'MASTER_POS_WAIT("x", 1, 0)', 'MASTER_GTID_WAIT("", 0)', 'BINLOG_GTID_POS("x", 4)', 'NAME_CONST("n", 5)', 'RANDOM_BYTES(4) IS NULL', 'COLUMN_JSON(COLUMN_CREATE("a", 1)), COLUMN_GET(COLUMN_CREATE("a", 1), "a" AS INT), COLUMN_LIST(COLUMN_CREATE("b", 2))',
    'JSON_VALID("[1]"), JSON_LENGTH("[1,2]"), JSON_TYPE("1.5"), JSON_EXTRACT("[1,2]", "$[1]"), JSON_LOOSE("[1,2]")', 'ST_AsText(POINT(1, 2)), ST_X(POINT(1, 2)), ST_Distance(POINT(0, 0), POINT(3, 4)), ST_AsGeoJSON(POINT(1, 2))', 'ST_Area(ST_GeomFromText("POLYGON((0 0,0 1,1 1,1 0,0 0))")), ST_Contains(ST_GeomFromText("POLYGON((0 0,0 2,2 2,2 0,0 0))"), POINT(1, 1)), ST_SRID(POINT(1, 1)), ST_GeometryType(POINT(1, 1))', 'HEX(POINT(1, 2)), POINT(1, 2), ST_AsBinary(POINT(1, 2))', 'ROWNUM()', 'LASTVAL(no_such)', 'CURRENT_ROLE(), SESSION_USER(), SCHEMA()',
  ],
  literals: [
    '1, -1, 0, 127, 128, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967296, 9223372036854775807, 9223372036854775808, 18446744073709551615, 18446744073709551616', '1.0, 1.10, .5, -0.0, 1e0, 1E-5, 1.5e300', 'TRUE, FALSE, NULL', '"", "text", \'single\', N"national", _binary"b", X"00FF", 0xFF, b"101", 0b1', 'DATE"2024-01-01", TIME"10:00:00.5", TIMESTAMP"2024-01-01 10:00:00.123456"', 'CURRENT_DATE > 0, CURRENT_TIMESTAMP > 0', '"é", "日本", "🙂", "a\\0b", "a\\nb", "a\\\\b"', 'REPEAT("a", 255), REPEAT("b", 256)', '1 AS `a b`, 2 AS "", 3 AS `ünï`', '(1), ((2)), (SELECT 3), ROW(1,2) = ROW(1,2)',
  ],
};

export const functionScripts: readonly Script[] = Object.entries(byTopic).map(([topic, lists]) =>
  script(
    `functions/${topic}`,
    'CREATE TABLE one (a INT)',
    'INSERT INTO one VALUES (1)',
    settle,
    ...lists.flatMap((list) => [...both(`SELECT ${list}`), 'SHOW WARNINGS', `SELECT ${list} FROM one`]),
  ),
);
