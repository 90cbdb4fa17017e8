/** Statements that change rows, definitions or the server. */
import { type Row, rows } from './row.ts';

const write = { class: 'write', target: 'primary', reason: 'write' } as const;
const ddl = { class: 'ddl', target: 'primary', reason: 'ddl', commit: true } as const;
const admin = { class: 'admin', target: 'primary', reason: 'administration' } as const;

export const writes: readonly Row[] = [
  ...rows(
    write,
    `INSERT INTO t VALUES (1)
    INSERT t VALUES (1)
    insert into t (a, b) values (1, 'x'), (2, 'y')
    INSERT INTO test.t (a) VALUES (1)
    INSERT INTO \`t\` (\`a\`) VALUES (1)
    INSERT INTO t PARTITION (p0) (a) VALUES (1)
    INSERT LOW_PRIORITY IGNORE INTO t (a) VALUES (1)
    INSERT DELAYED INTO t (a) VALUES (1)
    INSERT HIGH_PRIORITY t (a) VALUES (1)
    INSERT IGNORE t (a) VALUES (1)
    INSERT INTO t SET a = 1
    INSERT INTO t SELECT * FROM u
    INSERT INTO t (a) (SELECT id FROM u)
    INSERT INTO t (a) WITH x AS (SELECT 1 AS a) SELECT a FROM x
    INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1
    INSERT INTO t (a) VALUES (1) RETURNING id
    INSERT INTO t (a) VALUES (DEFAULT), (DEFAULT(a))
    INSERT INTO t (a) VALUES (NEXT VALUE FOR s)
    INSERT INTO t (a) VALUES (NEXTVAL(s))
    INSERT INTO t (a) VALUES (LAST_INSERT_ID())
    INSERT INTO t (a) VALUES (@x)
    INSERT INTO t (a) VALUES (?)
    INSERT INTO t (b) VALUES ('; DROP TABLE t')
    INSERT INTO t () VALUES ()
    REPLACE INTO t (a) VALUES (1)
    REPLACE t SET a = 1
    REPLACE INTO t SELECT * FROM u
    UPDATE t SET a = 1
    update t set a = 1 where id = 2
    UPDATE LOW_PRIORITY IGNORE t SET a = 1
    UPDATE t, u SET t.a = u.id WHERE u.t_id = t.id
    UPDATE t JOIN u ON u.t_id = t.id SET t.a = 1
    UPDATE t SET a = (SELECT MAX(id) FROM u) LIMIT 1
    UPDATE t SET a = IF(a, 1, 2) ORDER BY id
    DELETE FROM t
    DELETE FROM t WHERE id = 1 LIMIT 1
    DELETE QUICK FROM t
    DELETE t FROM t JOIN u ON u.t_id = t.id
    DELETE FROM t USING t JOIN u ON u.t_id = t.id
    DELETE FROM t WHERE id IN (SELECT t_id FROM u)
    DELETE FROM t RETURNING id
    DELETE HISTORY FROM h
    EXPLAIN UPDATE t SET a = 1
    EXPLAIN INSERT INTO t VALUES (1)
    EXPLAIN DELETE FROM t
    ANALYZE UPDATE t SET a = 1
    ANALYZE FORMAT=JSON DELETE FROM t
    /* tandem:replica */ INSERT INTO t VALUES (1)
    /*! INSERT INTO t VALUES (1) */
    INSERT INTO t (a) VALUES (@x := 1) ⇒ pin user variables
    UPDATE t SET a = @x := a + 1 ⇒ pin user variables
    UPDATE t SET a = LAST_INSERT_ID(a + 1) ⇒ pin insert id
    INSERT INTO t (a) VALUES (GET_LOCK('a', 1)) ⇒ pin lock
    INSERT INTO t (a) SELECT RELEASE_LOCK('a')`,
  ),
  ...rows(
    { ...write, resend: false, effects: 'routines' },
    `INSERT INTO t (a) VALUES (f(1))
    INSERT INTO t (a) SELECT f(id) FROM u
    UPDATE t SET a = f(a)
    DELETE FROM t WHERE f(a)
    REPLACE INTO t (a) VALUES (test.f(1))`,
  ),
  ...rows(
    { ...write, resend: false },
    `LOAD DATA INFILE '/tmp/x' INTO TABLE t
    LOAD DATA LOCAL INFILE 'x' INTO TABLE t
    LOAD DATA LOW_PRIORITY LOCAL INFILE 'x' IGNORE INTO TABLE t FIELDS TERMINATED BY ',' (a, b)
    LOAD DATA LOCAL INFILE 'x' INTO TABLE t (@a, b) SET a = @a + 1 ⇒ pin user variables
    LOAD XML LOCAL INFILE 'x' INTO TABLE t`,
  ),
  ...rows(
    { class: 'write', target: 'primary', reason: 'call', resend: false, effects: 'routines' },
    `CALL p
    CALL p()
    call test.p(1, 'x')
    CALL \`p\`(NOW())
    CALL p(@x) ⇒ pin user variables; routines`,
  ),
  ...rows(
    { class: 'write', target: 'primary', reason: 'compound', resend: false, effects: 'pin routine' },
    `BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END
    begin not atomic select 1; select 2; end
    IF 1 THEN INSERT INTO t VALUES (1); END IF
    CASE 1 WHEN 1 THEN SELECT 1; END CASE
    WHILE 0 DO SELECT 1; END WHILE
    REPEAT SELECT 1; UNTIL 1 END REPEAT
    FOR i IN 1..2 DO INSERT INTO t VALUES (i); END FOR
    l: LOOP LEAVE l; END LOOP
    l: BEGIN NOT ATOMIC SELECT 1; END`,
  ),
  ...rows(
    { class: 'write', target: 'primary', reason: 'prepared statement', resend: false },
    `EXECUTE s ⇒ pin text prepared
    EXECUTE s USING @a, 5 ⇒ pin text prepared
    EXECUTE IMMEDIATE 'INSERT INTO t VALUES (1)' ⇒ pin text prepared
    EXECUTE IMMEDIATE CONCAT('SELECT ', 1) ⇒ pin text prepared`,
  ),
  ...rows(
    { class: 'write', target: 'primary', reason: 'multi-statement', resend: false },
    `SELECT 1; INSERT INTO t VALUES (1)
    ;SELECT 1; UPDATE t SET a = 1; SELECT 2`,
  ),
  ...rows({ ...write, resend: false }, 'INSERT INTO t VALUES (1); SELECT 1'),
  ...rows(
    ddl,
    `CREATE TABLE x (a INT)
    CREATE OR REPLACE TABLE x (a INT)
    CREATE TABLE IF NOT EXISTS x LIKE t
    CREATE TABLE x AS SELECT * FROM t
    CREATE TABLE x (a VARCHAR(10), KEY a (a)) SELECT a FROM t
    CREATE TABLE x (id BIGINT DEFAULT NEXTVAL(s))
    CREATE INDEX i ON t (a)
    CREATE UNIQUE INDEX i ON t (a)
    CREATE VIEW w AS SELECT f(1)
    CREATE OR REPLACE ALGORITHM=MERGE VIEW w AS SELECT 1
    CREATE SEQUENCE q
    CREATE DATABASE d
    CREATE SCHEMA IF NOT EXISTS d
    CREATE USER 'a'@'%' IDENTIFIED BY 'x'
    CREATE ROLE r
    CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')
    CREATE FUNCTION f RETURNS INT SONAME 'x.so'
    CREATE FUNCTION f() RETURNS INT RETURN 1
    CREATE AGGREGATE FUNCTION f(x INT) RETURNS INT RETURN 1
    CREATE PROCEDURE p() SELECT 1
    CREATE DEFINER=root@localhost PROCEDURE p() SELECT 1
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1
    CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t
    DROP TABLE t
    DROP TABLE IF EXISTS t, u
    DROP VIEW v
    DROP INDEX a ON t
    DROP DATABASE d
    DROP USER a
    DROP PROCEDURE p
    DROP FUNCTION IF EXISTS f
    DROP TRIGGER g
    DROP EVENT e
    DROP SEQUENCE q
    DROP ROLE r
    TRUNCATE t
    TRUNCATE TABLE test.t
    ALTER TABLE t ADD x INT ⇒ rename tables
    ALTER TABLE t RENAME TO y ⇒ rename tables
    ALTER IGNORE TABLE t DROP a ⇒ rename tables
    ALTER DATABASE d CHARACTER SET utf8mb4 ⇒ rename tables
    ALTER SEQUENCE s RESTART ⇒ rename tables
    ALTER USER a IDENTIFIED BY 'x' ⇒ rename tables
    RENAME TABLE t TO y ⇒ rename tables
    RENAME USER a TO b ⇒ rename tables
    GRANT SELECT ON t TO a
    GRANT r TO a
    REVOKE ALL ON test.* FROM a
    ANALYZE TABLE t
    ANALYZE NO_WRITE_TO_BINLOG TABLE t
    ANALYZE LOCAL TABLE t
    OPTIMIZE TABLE t
    REPAIR TABLE t
    SET PASSWORD = PASSWORD('x')
    SET PASSWORD FOR a = PASSWORD('x')
    SET DEFAULT ROLE r
    SET DEFAULT ROLE r FOR a
    /* tandem:replica */ DROP TABLE t
    /*!50003 CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1 */`,
  ),
  ...rows({ ...ddl, resend: false }, 'CREATE TABLE x SELECT f(1) ⇒ routines'),
  ...rows({ ...ddl, resend: false }, 'CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END ⇒ pin text'),
  ...rows({ ...ddl, resend: false }, 'CREATE TABLE x (a INT); CREATE TABLE y (a INT)'),
  ...rows({ ...ddl, reason: 'multi-statement', resend: false }, 'SELECT 1; DROP TABLE t'),
  ...rows(
    { ...admin, commit: true },
    `FLUSH TABLES
    FLUSH NO_WRITE_TO_BINLOG TABLES
    FLUSH TABLES WITH READ LOCK ⇒ pin table locks
    FLUSH TABLES t, u WITH READ LOCK ⇒ pin table locks
    FLUSH TABLES t FOR EXPORT ⇒ pin table locks
    FLUSH PRIVILEGES
    FLUSH STATUS
    FLUSH BINARY LOGS
    RESET MASTER
    RESET SLAVE ALL
    RESET QUERY CACHE
    CHANGE MASTER TO MASTER_HOST='x'
    START SLAVE
    START REPLICA
    START ALL SLAVES
    STOP SLAVE
    STOP ALL SLAVES
    CHECK TABLE t
    CACHE INDEX t IN k
    INSTALL PLUGIN x SONAME 'x'
    INSTALL SONAME 'x'
    UNINSTALL PLUGIN x
    BACKUP STAGE START ⇒ pin table locks backup
    BACKUP LOCK t ⇒ pin table locks backup`,
  ),
  ...rows({ ...admin, commit: true, resend: false }, 'LOAD INDEX INTO CACHE t'),
  ...rows(
    admin,
    `CHECKSUM TABLE t
    PURGE BINARY LOGS TO 'x'
    BINLOG 'x'
    HELP 'SELECT'
    SHUTDOWN
    SET GLOBAL max_connections = 5
    SET @@global.max_connections = 5
    SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE`,
  ),
  ...rows(
    { ...admin, resend: false },
    `KILL 5 ⇒ kill 5
    KILL CONNECTION 5 ⇒ kill 5
    KILL QUERY 5 ⇒ kill 5 query
    KILL HARD QUERY 5 ⇒ kill 5 query
    KILL SOFT 5 ⇒ kill 5
    KILL QUERY ID 5
    KILL USER root
    KILL CONNECTION_ID()`,
  ),
];
