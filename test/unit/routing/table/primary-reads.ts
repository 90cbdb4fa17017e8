/** Reads for the primary, or for the connection of the statement before. */
import { type Row, rows } from './row.ts';

const read = { class: 'read', target: 'primary' } as const;

export const primaryReads: readonly Row[] = [
  ...rows(
    { ...read, reason: 'locking read' },
    `SELECT * FROM t FOR UPDATE
    select * from t for update
    SELECT * FROM t FOR/**/UPDATE
    SELECT * FROM t FOR /* c */ UPDATE NOWAIT
    SELECT * FROM t FOR UPDATE SKIP LOCKED
    SELECT * FROM t FOR UPDATE WAIT 5
    SELECT * FROM t WHERE a = 1 FOR⏎UPDATE
    SELECT * FROM t WHERE a = 1e0FOR UPDATE
    SELECT * FROM t LOCK IN SHARE MODE
    SELECT * FROM t LOCK IN SHARE MODE NOWAIT
    SELECT * FROM (SELECT * FROM t FOR UPDATE) x
    SELECT * FROM t WHERE a IN (SELECT id FROM u LOCK IN SHARE MODE)
    SELECT * FROM t /*! FOR UPDATE */
    SELECT * FROM t /*!40001 FOR UPDATE */
    SELECT * FROM t FOR SHARE
    SELECT 1 UNION SELECT a FROM t FOR UPDATE
    WITH x AS (SELECT * FROM t FOR UPDATE) SELECT * FROM x
    SELECT SUBSTRING((SELECT b FROM t FOR UPDATE) FROM 1 FOR 2)
    /* tandem:replica */ SELECT * FROM t FOR UPDATE
    EXPLAIN SELECT * FROM t FOR UPDATE`,
  ),
  ...rows(
    { ...read, reason: 'select into' },
    `SELECT * INTO OUTFILE '/tmp/x' FROM t
    SELECT * FROM t INTO OUTFILE '/tmp/x'
    SELECT * FROM t INTO DUMPFILE '/tmp/x'
    SELECT a INTO @x FROM t ⇒ pin user variables
    SELECT a, b INTO @x, @y FROM t ⇒ pin user variables; pin user variables
    SELECT a FROM t LIMIT 1 INTO @x ⇒ pin user variables
    (SELECT a FROM t) INTO @x ⇒ pin user variables
    SELECT a INTO x FROM t`,
  ),
  ...rows(
    { ...read, reason: 'user variable' },
    `SELECT @x
    SELECT @X, @y
    SELECT @'x'
    SELECT @"x"
    SELECT @\`x\`
    SELECT a FROM t WHERE id = @x
    SELECT * FROM t LIMIT 1 OFFSET 1 /* c */ UNION SELECT @x
    SELECT @x := 1 ⇒ pin user variables
    SELECT @x:=@x+1 FROM t ⇒ pin user variables
    SELECT @x /* c */ := a FROM t ⇒ pin user variables
    SELECT (@x := 1), (@y := 2) ⇒ pin user variables; pin user variables
    SELECT @'x' := 1 ⇒ pin user variables
    DO @x := 1 ⇒ pin user variables
    SELECT @
    SELECT @a.b
    SELECT @$x`,
  ),
  ...rows(
    { ...read, reason: 'member value' },
    `SELECT @@version
    SELECT @@session.sql_mode
    SELECT @@SESSION . sql_mode
    SELECT @@global.server_id
    SELECT @@hostname, @@port
    /* tandem:consistency=eventual */ SELECT @@hostname
    /* tandem:replica */ SELECT @@hostname, @@port
    /* tandem:replica */ SELECT @@global.server_id
    /* tandem:primary */ /* tandem:replica */ SELECT @@hostname
    SELECT @@last_insert_id
    SELECT @@identity
    SELECT @@in_transaction
    SELECT @@last_gtid
    SELECT @@default.key_buffer_size
    SELECT @@\`version\`
    SELECT a FROM t WHERE a = @@server_id
    SELECT @@version_comment LIMIT 1
    SELECT VERSION()
    SELECT version ()
    SELECT UUID_SHORT()
    SELECT LOAD_FILE('/etc/passwd')
    SELECT DES_ENCRYPT('a')
    SELECT BINLOG_GTID_POS('b', 4)
    SELECT MASTER_GTID_WAIT('0-1-1', 0)
    SELECT MASTER_POS_WAIT('b', 4, 0)
    SELECT WSREP_LAST_SEEN_GTID()
    DO MASTER_GTID_WAIT('0-1-1', 0)
    SHOW STATUS
    SHOW GLOBAL STATUS LIKE 'Threads%'
    SHOW SESSION STATUS
    SHOW VARIABLES
    SHOW VARIABLES LIKE 'version'
    SHOW GLOBAL VARIABLES
    SHOW PROCESSLIST
    SHOW FULL PROCESSLIST
    SHOW ENGINES
    SHOW STORAGE ENGINES
    SHOW ENGINE INNODB STATUS
    SHOW MASTER STATUS
    SHOW BINLOG STATUS
    SHOW SLAVE STATUS
    SHOW ALL SLAVES STATUS
    SHOW REPLICA STATUS
    SHOW SLAVE HOSTS
    SHOW BINARY LOGS
    SHOW MASTER LOGS
    SHOW BINLOG EVENTS
    SHOW RELAYLOG EVENTS
    SHOW OPEN TABLES
    SHOW TABLE STATUS
    SHOW TABLE STATUS FROM test LIKE 't'
    SHOW INDEX FROM t
    SHOW INDEXES FROM t
    SHOW KEYS FROM t
    SHOW CREATE TABLE t
    SHOW CREATE EVENT e
    SHOW CREATE SEQUENCE s
    SHOW CREATE USER root@localhost
    SHOW CREATE PACKAGE p
    SHOW EVENTS
    SHOW FUNCTION STATUS
    SHOW PROCEDURE STATUS
    SHOW FUNCTION CODE f
    SHOW GRANTS
    SHOW GRANTS FOR root@localhost
    SHOW PLUGINS
    SHOW PLUGINS SONAME 'x'
    SHOW PRIVILEGES
    SHOW PROFILES
    SHOW PROFILE FOR QUERY 1
    SHOW USER_STATISTICS
    SHOW INDEX_STATISTICS
    SHOW LOCALES
    SHOW AUTHORS
    SHOW CONTRIBUTORS
    SHOW EXPLAIN FOR 5
    SHOW ANALYZE FOR 5
    SHOW WSREP_STATUS
    SHOW anything
    SHOW
    EXPLAIN FOR CONNECTION 5`,
  ),
  ...rows(
    { ...read, reason: 'session function' },
    `SELECT LAST_INSERT_ID()
    SELECT last_insert_id ( )
    SELECT * FROM t WHERE id = LAST_INSERT_ID()
    SELECT LAST_INSERT_ID(5) ⇒ pin insert id
    SELECT LAST_INSERT_ID(a + 1) FROM t ⇒ pin insert id
    SELECT CONNECTION_ID()
    SELECT connection_id(), 1`,
  ),
  ...rows(
    { ...read, reason: 'lock' },
    `SELECT GET_LOCK('a', 10) ⇒ pin lock 'a'
    SELECT get_lock('a', -1) AS locked ⇒ pin lock 'a'
    SELECT GET_LOCK('a', 1) l; ⇒ pin lock 'a'
    DO GET_LOCK('a', 10) ⇒ pin lock 'a'
    SELECT GET_LOCK('a') ⇒ pin lock 'a'
    SELECT GET_LOCK(?, 10) ⇒ pin lock
    SELECT GET_LOCK(b, 10) FROM t ⇒ pin lock
    SELECT GET_LOCK('a', 1), GET_LOCK('b', 1) ⇒ pin lock; pin lock
    SELECT 1 + GET_LOCK('a', 1) ⇒ pin lock
    SELECT GET_LOCK('a', 1) FROM t ⇒ pin lock
    SELECT * FROM t WHERE GET_LOCK('a', 1) ⇒ pin lock
    SELECT RELEASE_LOCK('a') ⇒ unpin lock 'a'
    DO RELEASE_LOCK('a') ⇒ unpin lock 'a'
    SELECT RELEASE_LOCK('a') AS r ⇒ unpin lock 'a'
    SELECT RELEASE_LOCK('a') FROM t
    SELECT RELEASE_LOCK('a'), 1
    SELECT RELEASE_LOCK(?)
    EXPLAIN SELECT RELEASE_LOCK('a')
    DESC SELECT RELEASE_ALL_LOCKS()
    EXPLAIN SELECT GET_LOCK('a', 1) ⇒ pin lock
    ANALYZE SELECT RELEASE_LOCK('a') ⇒ unpin lock 'a'
    ANALYZE FORMAT=JSON SELECT GET_LOCK('a', 1) ⇒ pin lock 'a'
    SELECT RELEASE_ALL_LOCKS() ⇒ unpin lock *
    DO RELEASE_ALL_LOCKS() ⇒ unpin lock *
    SELECT RELEASE_ALL_LOCKS() FROM t
    SELECT IS_FREE_LOCK('a')
    SELECT IS_USED_LOCK('a')`,
  ),
  ...rows(
    { ...read, reason: 'sequence' },
    `SELECT NEXT VALUE FOR s
    SELECT next  value for s
    SELECT PREVIOUS VALUE FOR s
    SELECT NEXTVAL(s)
    SELECT nextval (s), 1
    SELECT LASTVAL(s)
    SELECT SETVAL(s, 5)
    SELECT a, NEXT VALUE FOR test.s FROM t
    SELECT DEFAULT(a) FROM t
    DO NEXTVAL(s)
    DO SETVAL(s, 1, 1)`,
  ),
  ...rows(
    { ...read, reason: 'stored routine', resend: false, effects: 'routines' },
    `SELECT f()
    SELECT f(1), 2
    SELECT 0xlog(), 0b2(1)
    SELECT 0X41()
    SELECT 0b1_(), 0x4$()
    SELECT f (1)
    SELECT test.f(1)
    SELECT test . f (1)
    SELECT \`f\`(1)
    SELECT \`test\`.\`f\`(1)
    SELECT \`now\`()
    SELECT test.now()
    SELECT t.abs(1) FROM t
    SELECT twice(a) FROM t
    SELECT * FROM t WHERE f(a) = 1
    SELECT MAX(f(a)) FROM t
    SELECT 1 FROM t ORDER BY f(a)
    SELECT a FROM t GROUP BY f(a) HAVING g(a)
    SELECT a FROM t JOIN u ON f(t.a)
    SELECT (SELECT f(1))
    WITH x AS (SELECT f(1)) SELECT * FROM x
    SELECT CASE WHEN f(1) THEN 1 END
    SELECT datetime(1)
    SELECT CAST(f(1) AS CHAR)
    SELECT columns(1)
    SELECT nosuchfunction(NULL)
    SELECT /*! f(1) */
    DO f(1)
    EXPLAIN SELECT f(1)
    VALUES (f(1))
    SHOW TABLES WHERE f(1)
    SHOW COLUMNS FROM t WHERE f(Field)`,
  ),
  ...rows(
    { class: 'read', target: 'previous', reason: 'row count' },
    `SELECT FOUND_ROWS()
    SELECT found_rows ( ) AS n
    SELECT ROW_COUNT()`,
  ),
  ...rows(
    { class: 'read', target: 'previous', reason: 'diagnostics' },
    `SELECT @@warning_count
    SELECT @@session.warning_count, @@error_count
    SHOW WARNINGS
    SHOW WARNINGS LIMIT 5
    SHOW ERRORS
    SHOW COUNT(*) WARNINGS
    SHOW COUNT(*) ERRORS`,
  ),
  ...rows(
    { ...read, reason: 'version comment', resend: false },
    `SELECT 1 /*!100000 + 1 */
    SELECT 1 /*M!100100 + 1 */
    SELECT 1 /*M!50700 + 1 */
    SELECT 1 /*!999999 + 1 */
    SELECT 1 /*M!999999 FOR UPDATE */
    SELECT /*M!100100 SQL_NO_CACHE */ * FROM t`,
  ),
  ...rows(
    { ...read, reason: 'multi-statement', resend: false },
    `SELECT 1; SELECT 2
    SELECT 1;SELECT 2;
    SELECT 1;;SELECT 2
    SELECT * FROM t; SELECT * FROM u; SELECT * FROM p
    SELECT 1 /*! ; SELECT 2 */`,
  ),
  ...rows(
    { ...read, reason: 'statement settings', resend: false },
    `SET STATEMENT sql_mode='ANSI_QUOTES' FOR SELECT 1
    SET STATEMENT autocommit=0 FOR SELECT * FROM t
    SET STATEMENT time_zone='+00:00' FOR SELECT NOW()
    SET STATEMENT max_statement_time=@x FOR SELECT 1
    SET STATEMENT max_statement_time=f(1) FOR SELECT 1
    SET STATEMENT max_statement_time=5, sql_log_bin=0 FOR SELECT 1`,
  ),
  ...rows(
    { ...read, reason: 'not understood' },
    `SELECT * FROM t PROCEDURE ANALYSE
    EXPLAIN
    EXPLAIN 5`,
  ),
  ...rows(
    { ...read, reason: 'not understood', resend: false },
    'SELECT * FROM t PROCEDURE ANALYSE() ⇒ routines',
  ),
];
