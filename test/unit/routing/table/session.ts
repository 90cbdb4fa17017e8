/** Statements about the session and its transactions, and what isn't understood. */
import { type Row, rows } from './row.ts';

const any = { class: 'session', target: 'any', reason: 'replayable session state' } as const;
const session = { class: 'session', target: 'primary' } as const;
const transaction = { class: 'transaction', target: 'primary', reason: 'transaction' } as const;
const charset = 'evaluate character_set_client character_set_results collation_connection';

/** Statements whose effect is repeated on other connections: the real check compares that with what the server does. */
export const replayable: readonly Row[] = [
  // Whether the schema is there is read, and so as fresh as a read.
  ...rows(
    { ...any, target: 'replica' },
    `USE test ⇒ use test
    use \`test\` ⇒ use test
    USE other; ⇒ use other`,
  ),
  ...rows(
    any,
    `SET NAMES utf8mb4 ⇒ names(utf8mb4): utf8mb4
    SET NAMES 'latin1' ⇒ names(latin1): 'latin1'
    set names utf8 collate utf8_bin ⇒ names(utf8): utf8 COLLATE utf8_bin
    SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci' ⇒ names(utf8mb4): 'utf8mb4' COLLATE 'utf8mb4_unicode_ci'
    /*!40101 SET NAMES utf8 */; ⇒ names(utf8): utf8
    SET sql_mode = '' ⇒ sql_mode=''
    SET sql_mode='ANSI_QUOTES,STRICT_TRANS_TABLES' ⇒ sql_mode='ANSI_QUOTES,STRICT_TRANS_TABLES'
    SET SESSION sql_mode = "TRADITIONAL" ⇒ sql_mode='TRADITIONAL'
    SET @@sql_mode = 'ANSI' ⇒ sql_mode='ANSI'
    SET @@session.sql_mode := 'ANSI' ⇒ sql_mode='ANSI'
    SET LOCAL sql_mode = TRADITIONAL ⇒ sql_mode=TRADITIONAL
    SET @@local.sql_mode = DEFAULT ⇒ sql_mode=DEFAULT
    SET time_zone = '+02:00' ⇒ time_zone='+02:00'
    SET time_zone = SYSTEM ⇒ time_zone=SYSTEM
    SET foreign_key_checks = 0 ⇒ foreign_key_checks=0
    SET FOREIGN_KEY_CHECKS=0, UNIQUE_CHECKS=0 ⇒ foreign_key_checks=0; unique_checks=0
    SET unique_checks = OFF ⇒ unique_checks=OFF
    SET group_concat_max_len = 100000 ⇒ group_concat_max_len=100000
    SET wait_timeout = 28800, net_read_timeout = 60 ⇒ wait_timeout=28800; net_read_timeout=60
    SET max_statement_time = 1.5 ⇒ max_statement_time=1.5
    SET sql_select_limit = 10 ⇒ sql_select_limit=10
    SET sql_safe_updates = TRUE ⇒ sql_safe_updates=TRUE
    SET character_set_client = latin1 ⇒ character_set_client=latin1
    SET character_set_results = NULL ⇒ character_set_results=NULL
    SET character_set_connection = utf8mb4 ⇒ character_set_connection=utf8mb4
    SET collation_connection = 'utf8mb4_bin' ⇒ collation_connection='utf8mb4_bin'
    SET optimizer_switch = 'mrr=on' ⇒ optimizer_switch='mrr=on'
    SET lc_time_names = 'de_DE' ⇒ lc_time_names='de_DE'
    SET timestamp = 1600000000 ⇒ timestamp=1600000000
    SET div_precision_increment = +5 ⇒ div_precision_increment=+5
    SET tx_isolation = 'READ-COMMITTED' ⇒ tx_isolation='READ-COMMITTED'
    SET tx_isolation = 'SERIALIZABLE' ⇒ tx_isolation='SERIALIZABLE'
    SET tx_read_only = 1 ⇒ tx_read_only=1
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED ⇒ tx_isolation='READ-COMMITTED'
    SET SESSION TRANSACTION READ ONLY ⇒ tx_read_only=1
    SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE ⇒ tx_isolation='REPEATABLE-READ'; tx_read_only=0
    SET LOCAL TRANSACTION READ WRITE ⇒ tx_read_only=0
    SET NAMES utf8mb4, sql_mode='ANSI', time_zone='+00:00' ⇒ names(utf8mb4): utf8mb4; sql_mode='ANSI'; time_zone='+00:00'
    SET session_track_schema=1 ⇒ session_track_schema=1
    SET last_insert_id = 7 ⇒ last_insert_id=7
    SET identity = 7 ⇒ last_insert_id=7
    SET @tandem_consistency = 'eventual' ⇒ @tandem_consistency='eventual'
    SET @TANDEM_CONSISTENCY := 'global' ⇒ @tandem_consistency='global'
    /* tandem:primary */ SET sql_mode = '' ⇒ sql_mode=''
    SET/**/sql_mode/**/=/**/''/**/ ⇒ sql_mode=''`,
  ),
  ...rows(
    { ...any, commit: true },
    `SET autocommit=1
    SET AUTOCOMMIT = ON
    SET @@session.autocommit = true
    set autocommit=1, time_zone='+00:00' ⇒ time_zone='+00:00'`,
  ),
];

export const sessionState: readonly Row[] = [
  // Names that newer servers know.
  ...rows(
    any,
    `SET transaction_isolation = 'SERIALIZABLE' ⇒ tx_isolation='SERIALIZABLE'
    SET @@session.transaction_read_only = ON ⇒ tx_read_only=ON`,
  ),
  ...rows(
    { ...session, reason: 'transaction', commit: true },
    `SET autocommit=0
    SET AUTOCOMMIT = OFF
    SET @@autocommit = DEFAULT`,
  ),
  ...rows(
    { ...session, reason: 'evaluated value' },
    `SET sql_mode = CONCAT(@@sql_mode, ',ANSI') ⇒ evaluate sql_mode
    SET sql_mode = (SELECT 1) ⇒ evaluate sql_mode
    SET sql_mode = @@global.sql_mode ⇒ evaluate sql_mode
    SET sql_mode = @saved ⇒ evaluate sql_mode
    SET sql_mode = 'it''s' ⇒ evaluate sql_mode
    SET time_zone = CONCAT('+', '02:00') ⇒ evaluate time_zone
    SET wait_timeout = 5 * 60 ⇒ evaluate wait_timeout
    SET wait_timeout = -(5) ⇒ evaluate wait_timeout
    SET wait_timeout = ? ⇒ evaluate wait_timeout
    SET NAMES DEFAULT ⇒ ${charset}
    SET NAMES ? ⇒ ${charset}
    SET CHARACTER SET utf8mb4 ⇒ ${charset}
    SET CHARSET 'latin1' ⇒ ${charset}
    SET time_zone = '+00:00', sql_mode = REPLACE(@@sql_mode, 'X', '') ⇒ time_zone='+00:00'; evaluate sql_mode
    SET SQL_LOG_BIN = @x ⇒ evaluate sql_log_bin; pin variable sql_log_bin`,
  ),
  ...rows(
    { class: 'admin', target: 'primary', reason: 'administration' },
    `SET GLOBAL a = 1, b = 2 ⇒ evaluate b
    SET GLOBAL a = 1, SESSION b = 2 ⇒ b=2`,
  ),
  ...rows(
    { ...session, reason: 'session variable' },
    `SET sql_log_bin = 0 ⇒ pin variable sql_log_bin
    SET insert_id = 5 ⇒ pin variable insert_id
    SET rand_seed1 = 5, rand_seed2 = 6 ⇒ pin variable rand_seed1; pin variable rand_seed2
    SET sql_auto_is_null = 1 ⇒ pin variable sql_auto_is_null
    SET sql_auto_is_null = 0 ⇒ unpin variable sql_auto_is_null
    SET SESSION gtid_domain_id = 5 ⇒ pin variable gtid_domain_id
    SET profiling = 1 ⇒ pin variable profiling
    SET optimizer_trace = 'enabled=on' ⇒ pin variable optimizer_trace
    SET ROLE r ⇒ role r
    SET ROLE NONE ⇒ role NONE
    SET ROLE 'r' ⇒ role 'r'
    SET ROLE \`a b\` ⇒ pin variable role`,
  ),
  ...rows(
    { ...session, reason: 'user variable' },
    `SET @x = 1 ⇒ pin user variables
    SET @x := 'a', @y = 2 ⇒ pin user variables; pin user variables
    SET @x = (SELECT MAX(a) FROM t) ⇒ pin user variables
    SET @tandem_consistency = 'nonsense' ⇒ pin user variables
    SET @tandem_consistency = global ⇒ pin user variables
    SET @tandem_consistency = CONCAT('host') ⇒ pin user variables
    SET @OLD_SQL_MODE=@@SQL_MODE ⇒ pin user variables
    SET @x = @@sql_mode, sql_mode = '' ⇒ pin user variables; sql_mode=''`,
  ),
  ...rows(
    { ...session, reason: 'user variable', resend: false },
    `GET DIAGNOSTICS @n = NUMBER ⇒ pin user variables
    GET DIAGNOSTICS CONDITION 1 @t = MESSAGE_TEXT ⇒ pin user variables`,
  ),
  ...rows(
    { ...session, reason: 'user variable', resend: false },
    'SET @x = f() ⇒ pin user variables; routines',
  ),
  ...rows(
    { ...session, reason: 'transaction' },
    `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE ⇒ pin next transaction
    SET TRANSACTION READ ONLY ⇒ pin next transaction
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE ⇒ pin next transaction`,
  ),
  ...rows(
    { ...session, reason: 'not understood' },
    `SET k.key_buffer_size = 5 ⇒ pin text
    SET NEW.a = 1 ⇒ pin text
    SET ⇒ pin text
    SET x ⇒ pin text
    USE`,
  ),
  ...rows(
    { ...session, reason: 'temporary table' },
    `CREATE TEMPORARY TABLE x (a INT) ⇒ pin temporary table .x
    create temporary table if not exists test.x select * from t ⇒ pin temporary table test.x
    CREATE OR REPLACE TEMPORARY TABLE \`x y\` LIKE t ⇒ pin temporary table .x y
    CREATE TEMPORARY SEQUENCE q ⇒ pin temporary table .q
    DROP TEMPORARY TABLE x ⇒ unpin temporary table .x
    DROP TEMPORARY TABLE IF EXISTS x, test.y ⇒ unpin temporary table .x; unpin temporary table test.y`,
  ),
  ...rows(
    { ...session, reason: 'lock', commit: true },
    `LOCK TABLES t READ ⇒ pin table locks
    LOCK TABLE t WRITE, u READ LOCAL ⇒ pin table locks
    LOCK TABLES t AS x WRITE CONCURRENT ⇒ pin table locks`,
  ),
  ...rows(
    { ...session, reason: 'lock', commit: true, resend: false, effects: 'unpin table locks *' },
    `UNLOCK TABLES
    unlock table`,
  ),
  ...rows(
    { ...session, reason: 'handler' },
    `HANDLER t OPEN ⇒ pin handler t
    HANDLER test.t OPEN AS x ⇒ pin handler x
    HANDLER t READ FIRST
    HANDLER x READ a = (1) LIMIT 5
    HANDLER x CLOSE ⇒ unpin handler x`,
  ),
  ...rows(
    { ...session, reason: 'prepared statement', resend: false },
    `PREPARE s FROM 'SELECT 1' ⇒ pin prepared statement s
    PREPARE S FROM @sql ⇒ pin prepared statement s
    DEALLOCATE PREPARE s ⇒ unpin prepared statement s
    DROP PREPARE s ⇒ unpin prepared statement s`,
  ),
  ...rows(
    { class: 'session', target: 'previous', reason: 'diagnostics', resend: false },
    `SIGNAL SQLSTATE '45000'
    RESIGNAL`,
  ),
  ...rows(
    transaction,
    `BEGIN ⇒ begin
    begin work ⇒ begin
    BEGIN; ⇒ begin`,
  ).map((row) => ({ ...row, commit: true })),
  ...rows(
    { ...transaction, commit: true },
    `START TRANSACTION ⇒ begin
    start transaction read write ⇒ begin rw
    START TRANSACTION WITH CONSISTENT SNAPSHOT ⇒ begin snapshot
    START TRANSACTION READ ONLY, READ WRITE ⇒ begin rw`,
  ),
  ...rows(
    { ...transaction, resend: false },
    `COMMIT ⇒ end
    COMMIT WORK ⇒ end
    COMMIT AND CHAIN ⇒ end chain
    COMMIT AND NO CHAIN NO RELEASE ⇒ end
    COMMIT RELEASE ⇒ end release
    ROLLBACK ⇒ end
    rollback work and chain no release ⇒ end chain
    ROLLBACK RELEASE ⇒ end release
    ROLLBACK TO x
    ROLLBACK WORK TO SAVEPOINT x
    SAVEPOINT x
    RELEASE SAVEPOINT x
    XA START 'a' ⇒ pin xa 'a',
    XA BEGIN 'a', 'b', 1 ⇒ pin xa 'a','b',1,
    XA END 'a'
    XA PREPARE 'a'
    XA COMMIT 'a' ⇒ unpin xa 'a',
    XA COMMIT 'a' ONE PHASE ⇒ unpin xa 'a',
    XA ROLLBACK 'a' ⇒ unpin xa 'a',
    XA RECOVER`,
  ),
  // Several settings in one text, as drivers send them at the beginning of a connection.
  ...rows(
    { ...session, reason: 'multi-statement', resend: false },
    `SET NAMES utf8mb4; SET time_zone='+00:00' ⇒ names(utf8mb4): utf8mb4; time_zone='+00:00'
    SET sql_mode=''; USE test ⇒ sql_mode=''; use test`,
  ),
  ...rows(
    { class: 'transaction', target: 'primary', reason: 'transaction', commit: true, resend: false },
    'BEGIN; COMMIT ⇒ begin; end',
  ),
];

export const notUnderstood: readonly Row[] = [
  ...rows(
    { class: 'unknown', target: 'primary', reason: 'not understood', resend: false, effects: 'pin text' },
    `SELEC 1
    nonsense
    5
    'text'
    \`SELECT\` 1
    FETCH c INTO x
    OPEN c
    CLOSE c
    RETURN 1
    END
    = 1`,
  ),
  ...rows(
    {
      class: 'unknown',
      target: 'primary',
      reason: 'not understood',
      resend: false,
      effects: 'pin text not understood',
    },
    `SELECT 'a
    SELECT "a
    SELECT \`a
    SELECT 'a\\'
    SELECT 1 /*
    SELECT 1 /* c
    SELECT 1 /*! + 1
    SELECT 1 /*!50701 /* nested */ */
    SELECT /*! /*! 1 */ */
    SELECT (1
    SELECT 1)
    SELECT {d '2020-01-01'}
    SELECT * FROM {OJ t LEFT JOIN u ON 1}
    SELECT a[1] FROM t
    SELECT :x
    SELECT \\n
    WITH x SELECT 1
    WITH x AS SELECT 1
    SELECT 1 \u0001
    SET sql_mode='ANSI_QUOTES'; SELECT "a"."f"()
    SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT '\\', f()
    SET sql_mode='ORACLE'; SELECT 1
    SET sql_mode=CONCAT(@@sql_mode, ''); SELECT 1
    SET NAMES gbk; SELECT 'é'
    SELECT "`,
  ),
  ...rows(
    { class: 'read', target: 'any', reason: 'nothing to run', resend: false },
    `;
    /* c */
    -- c
    # c
    ;;;
    /*!50701 SELECT 1 */`,
  ),
];
