/** Reads that a replica may answer. They run on the schema of `schema.ts`, where each of them must succeed. */
import { type Row, rows } from './row.ts';

const replica = { class: 'read', target: 'replica', reason: 'read' } as const;

export const reads: readonly Row[] = [
  // Plain queries, and what surrounds them.
  ...rows(
    replica,
    `SELECT 1
    select 1
    sElEcT 1
    SELECT 1;
    (SELECT 1)
    ((SELECT 1))
    (SELECT 1) UNION (SELECT 2)
    (SELECT 1 LIMIT 1) UNION ALL SELECT 2 ORDER BY 1 LIMIT 5
    SELECT 1 FROM DUAL
    SELECT ALL 1
    SELECT DISTINCT a FROM t
    SELECT DISTINCTROW a FROM t
    SELECT HIGH_PRIORITY a FROM t
    SELECT SQL_NO_CACHE a FROM t
    SELECT SQL_CACHE a FROM t
    SELECT SQL_BIG_RESULT a FROM t GROUP BY a
    SELECT SQL_BUFFER_RESULT a FROM t
    SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1
    SELECT STRAIGHT_JOIN t.a FROM t JOIN u ON u.t_id = t.id
    SELECT * FROM t
    SELECT t.* FROM t
    SELECT test.t.* FROM test.t
    SELECT test.t.a FROM test.t
    SELECT * FROM test . t
    SELECT \`t\`.\`a\` FROM \`t\`
    SELECT \`a\` FROM \`test\`.\`t\`
    SELECT * FROM \`odd name\`
    SELECT \`select\`, \`a\`\`b\` FROM \`odd name\`
    SELECT * FROM t AS x
    SELECT * FROM t x
    SELECT a AS \`FOR UPDATE\` FROM t
    SELECT a AS 'INTO' FROM t
    SELECT 'FOR UPDATE' FROM t
    SELECT "LOCK IN SHARE MODE" FROM t
    SELECT '@x'
    SELECT '; DROP TABLE t'
    SELECT 'it''s; fine'
    SELECT 'it\\'s; fine'
    SELECT "a \\" b"
    SELECT "a "" b"
    SELECT '\\\\'
    SELECT 'a' 'b'
    SELECT 'a''b', "c""d", \`a\`\`b\` FROM \`odd name\`
    SELECT _utf8mb4'x'
    SELECT _latin1 X'4D' COLLATE latin1_bin
    SELECT N'x'
    SELECT x'4D', X'4d', 0x4D, b'1', B'1', 0b1
    SELECT 1e5x, 1.5e-5y, 0x4d+0b1, 1 AS 0x, 2 AS 0X41, 3 AS 0b2
    SELECT 1.5, .5, 1., 1e5, 1E-5, 1.5e+5
    SELECT -1, +1, - 1
    SELECT NULL, TRUE, FALSE, \\N
    SELECT 1 + 2 * 3 / 4 % 5 - 6
    SELECT 5 DIV 2, 5 MOD 2, NOT 1, !1, ~1
    SELECT 1 <=> NULL, 1 <> 2, 1 != 2, 1 >= 2, 1 <= 2
    SELECT 1 & 2 | 3 ^ 4 << 1 >> 1
    SELECT 1 && 0 || 1 XOR 1
    SELECT DATE '2020-01-01', TIME '10:00:00', TIMESTAMP '2020-01-01 10:00:00'
    SELECT INTERVAL 1 DAY + '2020-01-01'
    SELECT INTERVAL(5, 1, 10)
    SELECT 1 IN (1, 2), 1 NOT IN (3), 1 BETWEEN 0 AND 2
    SELECT 'a' LIKE 'b' ESCAPE '|', 'a' REGEXP 'b', 'a' RLIKE 'b'
    SELECT BINARY 'a', BINARY('a')
    SELECT ROW(1, 2) = (1, 2)
    SELECT CASE WHEN 1 THEN 2 ELSE 3 END, CASE (1) WHEN (1) THEN (2) END
    SELECT EXISTS(SELECT 1), EXISTS (SELECT * FROM t)
    SELECT (SELECT MAX(a) FROM t)
    VALUES (1), (2)
    VALUES (1, 'a'), (2, 'b') ORDER BY 1 LIMIT 1
    SELECT * FROM (VALUES (1), (2)) AS x`,
  ),
  // Comments and hints.
  ...rows(
    replica,
    `/* c */ SELECT 1
    /**/SELECT/**/1/**/
    /***/ SELECT 1
    SELECT 1 /* FOR UPDATE */
    SELECT 1 -- FOR UPDATE
    SELECT 1 --⏎
    SELECT 1 -- INTO OUTFILE⏎ FROM t
    SELECT 1 # FOR UPDATE
    # c⏎SELECT 1
    -- c⏎SELECT 1
    SELECT 1--1
    SELECT 5--2
    SELECT /* ; DROP TABLE t */ 1
    SELECT /* ' */ 1 /* ' */
    SELECT 1 -- '⏎
    SELECT 1 # "⏎
    SELECT '/*' , '*/'
    SELECT '-- ', '#'
    SELECT 2 */* c */3
    /*! SELECT 1 */
    /*!40001 SELECT 1 */
    SELECT /*!40001 SQL_NO_CACHE */ * FROM t
    SELECT 1 /*!50701 FOR UPDATE */
    SELECT 1 /*!99999 INTO OUTFILE 'x' */
    SELECT 1 /*! + 2 */
    SELECT 1 /*M! + 1 */
    SELECT /*!123 */
    SELECT 1 /*!32302 + 2*/ + 3
    /* tandem:replica */ SELECT 1
    /* tandem:consistency=global */ SELECT * FROM t
    SELECT * FROM t /* tandem:replica */
    /* tandem:replica */ SELECT @@hostname
    /* tandem:replica tandem:consistency=global */ SELECT @@server_id, a FROM t
    SELECT @@HOSTNAME /* tandem:replica */
    /* tandem:primary */ SELECT 1
    /*+ tandem:primary */ SELECT 1`,
  ),
  // Tables in all places.
  ...rows(
    replica,
    `SELECT * FROM t, u
    SELECT * FROM t, u, p
    SELECT * FROM (t, u)
    SELECT * FROM (t JOIN u)
    SELECT * FROM ((t JOIN u) JOIN p)
    SELECT * FROM t JOIN u ON u.t_id = t.id
    SELECT * FROM t INNER JOIN u USING (id)
    SELECT * FROM t CROSS JOIN u
    SELECT * FROM t LEFT JOIN u ON u.t_id = t.id
    SELECT * FROM t LEFT OUTER JOIN u ON (u.t_id = t.id) AND (1)
    SELECT * FROM t RIGHT JOIN u ON u.t_id = t.id, p
    SELECT * FROM t NATURAL JOIN u
    SELECT * FROM t NATURAL LEFT JOIN u
    SELECT * FROM t STRAIGHT_JOIN u ON u.t_id = t.id
    SELECT * FROM t LEFT JOIN (u, p) ON u.id = t.id
    SELECT * FROM t LEFT JOIN (u JOIN p USING (id)) ON u.id = t.id
    SELECT * FROM other.t
    SELECT * FROM t, other.t AS o
    SELECT * FROM t PARTITION (p0)
    SELECT * FROM p PARTITION (p0, p1)
    SELECT * FROM t USE INDEX (a)
    SELECT * FROM t FORCE INDEX (PRIMARY, a), u
    SELECT * FROM t IGNORE INDEX FOR ORDER BY (a) ORDER BY a
    SELECT * FROM t USE INDEX FOR JOIN (a), u
    SELECT * FROM t USE KEY FOR GROUP BY (a) GROUP BY a
    SELECT * FROM h FOR SYSTEM_TIME AS OF NOW()
    SELECT * FROM h FOR SYSTEM_TIME ALL
    SELECT * FROM h FOR SYSTEM_TIME BETWEEN NOW() AND NOW()
    SELECT * FROM (SELECT a FROM t) x
    SELECT * FROM (SELECT a FROM t) AS x, u
    SELECT * FROM (SELECT a FROM t UNION SELECT id FROM u) x JOIN p ON p.id = x.a
    SELECT * FROM t WHERE id IN (SELECT t_id FROM u)
    SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id)
    SELECT * FROM t WHERE a = (SELECT MAX(id) FROM u) AND b IN ('x', 'y')
    SELECT * FROM t WHERE a > ALL (SELECT id FROM u)
    SELECT * FROM t WHERE a = ANY (SELECT id FROM u)
    SELECT * FROM t WHERE a = SOME (SELECT id FROM u)
    SELECT * FROM v
    SELECT * FROM v, t
    SELECT * FROM vv
    SELECT * FROM seq_1_to_10
    SELECT * FROM seq_1_to_10_step_3
    SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$')) AS j
    SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (n FOR ORDINALITY, a VARCHAR(10) PATH '$')) AS j, t
    SELECT a FROM t UNION SELECT id FROM u
    SELECT a FROM t UNION ALL SELECT id FROM u
    SELECT a FROM t EXCEPT SELECT id FROM u
    SELECT a FROM t INTERSECT SELECT id FROM u
    (SELECT a FROM t) UNION (SELECT id FROM u) LIMIT 3`,
  ),
  // Clauses.
  ...rows(
    replica,
    `SELECT a, COUNT(*) FROM t GROUP BY a
    SELECT a, COUNT(*) FROM t GROUP BY a WITH ROLLUP
    SELECT a, COUNT(*) FROM t GROUP BY a HAVING COUNT(*) > 1
    SELECT * FROM t ORDER BY a DESC, b ASC
    SELECT * FROM t ORDER BY (a)
    SELECT * FROM t LIMIT 10
    SELECT * FROM t LIMIT 10, 20
    SELECT * FROM t LIMIT 10 OFFSET 20
    SELECT * FROM t ORDER BY a OFFSET 1 ROW FETCH NEXT 2 ROWS ONLY
    SELECT * FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES
    SELECT * FROM t LIMIT ROWS EXAMINED 100
    SELECT a FROM t WHERE a = 1 AND (b = 'x' OR b = 'y')
    SELECT a FROM t WHERE (a) = (1)
    SELECT a FROM t WHERE (a, b) IN ((1, 'x'), (2, 'y'))
    SELECT a FROM t WHERE NOT (a = 1)
    SELECT a FROM t WHERE a IS NULL OR a IS NOT NULL
    SELECT SUM(a) OVER (PARTITION BY b ORDER BY c) FROM t
    SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t
    SELECT RANK() OVER w, LAG(a) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY a)
    SELECT SUM(a) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t
    SELECT MEDIAN(a) OVER (PARTITION BY b) FROM t
    SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) OVER (PARTITION BY b) FROM t
    SELECT GROUP_CONCAT(DISTINCT a ORDER BY b DESC SEPARATOR ';') FROM t
    SELECT MATCH (body) AGAINST ('x' IN BOOLEAN MODE) FROM u
    SELECT * FROM u WHERE MATCH(body) AGAINST('x')
    WITH x AS (SELECT 1) SELECT * FROM x
    WITH x (a) AS (SELECT 1) SELECT a FROM x
    WITH x AS (SELECT a FROM t), y AS (SELECT * FROM x) SELECT * FROM y JOIN u ON u.id = y.a
    WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n
    WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n, t
    SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x) y
    SELECT * FROM t WHERE a IN (WITH x AS (SELECT id FROM u) SELECT * FROM x)
    WITH t AS (SELECT * FROM u) SELECT * FROM t
    WITH x AS (SELECT 1 AS a UNION SELECT 2) SELECT x.a FROM x LEFT JOIN t ON t.a = x.a`,
  ),
];
