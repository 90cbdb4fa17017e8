/** The programs that have no check of their own for what matters, started on the rendered files. */
import { describe, expect, it } from 'vitest';
import { etcdBootstrap, etcdPaths, etcdService } from '#src/render/etcd.ts';
import { mariadbPaths, mariadbService } from '#src/render/mariadb.ts';
import { ports } from '#src/topology/ports.ts';
import { realMaterial } from '#test/fixtures/material.ts';
import { Sandbox } from '#test/fixtures/sandbox.ts';
import { hostNamed, referenceSpec } from '#test/fixtures/spec.ts';

const addresses = ['10.77.0.11/24', '10.77.0.13/24'];

/** Waits up to 15 s for a shell condition. */
const until = (condition: string) => `for i in $(seq 150); do ${condition} && break; sleep 0.1; done`;

describe('mariadb', () => {
  it('starts closed, durable and with InnoDB only', { timeout: 60_000 }, async () => {
    const spec = referenceSpec({
      database: { schema: 'users', settings: { init_slave: 'SET @a = 1 # "x"' } },
    });
    const service = mariadbService({
      spec,
      host: hostNamed(spec, 'server-1'),
      material: await realMaterial(spec),
    });
    using sandbox = new Sandbox([service]);
    const client = `mariadb --no-defaults --batch --skip-column-names --socket=${mariadbPaths.socket}`;
    const { output } = sandbox.run(
      [
        `mariadb-install-db --no-defaults --user=mysql --datadir=${mariadbPaths.dataDirectory} --auth-root-authentication-method=socket --skip-name-resolve >/dev/null 2>&1`,
        `setpriv --reuid=mysql --regid=mysql --clear-groups ${service.command.join(' ')} >/tmp/log.$$ 2>&1 &`,
        until(`[ -S ${mariadbPaths.socket} ]`),
        `${client} -e "SELECT @@read_only, @@event_scheduler, @@gtid_strict_mode, @@binlog_format, @@sync_binlog, @@sync_relay_log, @@innodb_flush_log_at_trx_commit, @@require_secure_transport, @@session_track_system_variables LIKE '%last_gtid', @@init_slave"`,
        `${client} -e "CREATE DATABASE t; CREATE TABLE t.a (i INT) ENGINE=MyISAM" 2>&1 | grep -o 'ERROR 1[0-9]*'`,
        `${client} -e "SHOW TABLES IN t; CREATE USER 'x'@'%' IDENTIFIED BY 'x'"`,
        `mariadb --no-defaults --skip-ssl -h 10.77.0.13 -u x -px -e 'SELECT 1' 2>&1 | grep -o 'ERROR [0-9]*'`,
        `mariadb --no-defaults --ssl --ssl-ca=/etc/tandem/mariadb/ca.pem --ssl-verify-server-cert -h 10.77.0.13 -u x -px -Bse 'SELECT 1'`,
        `grep -iE '\\[(warning|error)\\]' /tmp/log.$$ | grep -vE 'Access denied|skip-name-resolve mode'; rm -f /tmp/log.$$`,
      ].join('\n'),
      { addresses, timeoutMs: 50_000 },
    );
    expect(output.trim().split('\n')).toEqual([
      ['1', 'OFF', '1', 'ROW', '1', '1', '1', '1', '1', 'SET @a = 1 # "x"'].join('\t'),
      'ERROR 1290',
      // Who comes without TLS is not told more than that.
      'ERROR 1045',
      '1',
    ]);
  });
});

describe('etcd', () => {
  it('answers its JSON gateway to hosts of the stack only', { timeout: 60_000 }, async () => {
    const reference = referenceSpec();
    // Alone, so that it needs nobody to become ready.
    const hosts = reference.hosts.filter(({ name }) => name === 'lb-1');
    const spec = { ...reference, hosts };
    const material = await realMaterial(spec);
    const service = etcdService({ spec, host: hostNamed(spec, 'lb-1'), material });
    using sandbox = new Sandbox([service]);
    const url = `https://10.77.0.11:${ports.etcdClient}/v3/lease/grant`;
    const directory = service.files[0]?.path.replace(/\/[^/]*$/, '');
    const ask = `curl -s --max-time 2 --cacert ${directory}/ca.pem ${url} -d '{"TTL":1}'`;
    const identity = `--cert ${directory}/host.pem --key ${directory}/host.key`;
    const { output } = sandbox.run(
      [
        // As `up` founds a quorum.
        `cat >${etcdPaths.bootstrap} <<'END'\n${etcdBootstrap('new', material.stackId, hosts)}END`,
        `setpriv --reuid=etcd --regid=etcd --clear-groups ${service.command.join(' ')} >/dev/null 2>&1 &`,
        until(`${ask} ${identity} | grep -q TTL`),
        `${ask} ${identity} | grep -o '"TTL":"[0-9]*"'`,
        `${ask}; echo "without a certificate: $?"`,
      ].join('\n'),
      { addresses, timeoutMs: 50_000 },
    );
    expect(output).toMatch(/^"TTL":"1"\nwithout a certificate: (35|55|56)\n$/);
  });
});
