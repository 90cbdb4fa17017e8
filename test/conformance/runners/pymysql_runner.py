"""`pymysql_runner.py CORPUS TARGET`: Python's pymysql. It knows the text protocol only: it writes parameters into the text."""
import datetime
import decimal
import hashlib
import json
import re
import sys
import time
import warnings

import pymysql
from pymysql.constants import CLIENT

warnings.simplefilter('ignore')
PREPARATION = [
    'DROP DATABASE IF EXISTS conf',
    'DROP DATABASE IF EXISTS conf_b',
    'CREATE DATABASE conf CHARACTER SET utf8mb4',
    'CREATE DATABASE conf_b CHARACTER SET utf8mb4',
    'USE conf',
]


def printable(value):
    if isinstance(value, (bytes, bytearray)):
        return {'bytes': value.hex() if len(value) <= 2000 else hashlib.sha1(value).hexdigest()}
    if isinstance(value, str) and len(value) > 2000:
        return [len(value), hashlib.sha1(value.encode('utf8', 'surrogatepass')).hexdigest()]
    if isinstance(value, (list, tuple, set)):
        return [printable(one) for one in value]
    if value is None or isinstance(value, (int, str, bool)):
        return value
    return f'{type(value).__name__} {value!r}'


def value_of(parameter):
    kind, value = parameter['type'], parameter['value']
    if value is None:
        return None
    if re.search('blob|bit|geometry', kind):
        return bytes.fromhex(value)
    if re.match('^u?(tiny|short|int24|long|longlong)$|^year$', kind):
        return int(value)
    if kind in ('float', 'double'):
        return float(value)
    if kind == 'decimal':
        return decimal.Decimal(value)
    try:
        if kind == 'date':
            return datetime.date.fromisoformat(value)
        if kind in ('datetime', 'timestamp'):
            return datetime.datetime.fromisoformat(value)
    except ValueError:
        pass
    return value


class Session:
    def __init__(self, target, port):
        self.connection = pymysql.connect(
            host=target['host'], port=port, user=target['first']['user'], password=target['first']['password'], charset='utf8mb4',
            local_infile=True, client_flag=CLIENT.MULTI_STATEMENTS, autocommit=None, read_timeout=30)
        self.id = self.connection.thread_id()

    def results(self, sql, parameters=None):
        every = []
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql, parameters)
            while True:
                result = cursor._result
                fields = [
                    [field.catalog, field.db, field.table_name, field.org_table, field.name, field.org_name, field.charsetnr,
                     field.length, field.type_code, field.flags, field.scale]
                    for field in (getattr(result, 'fields', None) or [])
                ] if result else []
                every.append({
                    'rows': printable(cursor.fetchall()) if cursor.description else None, 'fields': printable(fields),
                    'description': printable(cursor.description), 'count': cursor.rowcount, 'insertId': str(cursor.lastrowid),
                    'warnings': getattr(result, 'warning_count', None), 'status': getattr(result, 'server_status', None),
                    'message': printable(getattr(result, 'message', None)), 'affected': getattr(result, 'affected_rows', None),
                })
                if not cursor.nextset():
                    break
        except Exception as error:  # noqa: BLE001: whatever it is, it is compared.
            every.append({'error': type(error).__name__, 'arguments': printable(getattr(error, 'args', ()))})
        try:
            every.append({'shown': printable(self.connection.show_warnings()) if every and every[-1].get('warnings') else None})
        except Exception as error:  # noqa: BLE001
            every.append({'error': type(error).__name__, 'arguments': printable(error.args)})
        return every

    def run(self, step):
        kind = step['kind']
        if kind in ('query', 'load'):
            return self.results(step['sql'])
        if kind == 'execute':
            sql = step['sql'].replace('%', '%%').replace('?', '%s')
            return [self.results(sql, [value_of(one) for one in each] or None) if each else self.results(step['sql'])
                    for each in step['executions']]
        try:
            if kind == 'ping':
                return [self.connection.ping(reconnect=False)]
            if kind == 'useSchema':
                return [self.connection.select_db(step['schema'])]
        except Exception as error:  # noqa: BLE001
            return {'error': type(error).__name__, 'arguments': printable(error.args)}
        return {'skipped': True}

    def close(self):
        try:
            self.connection.close()
        except Exception:  # noqa: BLE001: closed by the server.
            pass


def main():
    with open(sys.argv[1], encoding='utf8') as file:
        scripts = json.load(file)
    with open(sys.argv[2], encoding='utf8') as file:
        target = json.load(file)

    def tell(script, step, result):
        print(json.dumps({'script': script, 'step': step, 'result': result}, separators=(',', ':')))

    for number, script in enumerate(scripts):
        sessions = {}

        def session(name):
            if name not in sessions:
                sessions[name] = Session(target, target['sharedPort'] if script['shared'] else target['port'])
            return sessions[name]

        for at, sql in enumerate(PREPARATION):
            tell(number, at - len(PREPARATION), session('a').run({'kind': 'query', 'sql': sql}))
        for at, step in enumerate(script['steps']):
            on = step.get('on', 'a')
            if step['kind'] == 'settle':
                time.sleep(target['settleMs'] / 1000)
            elif step['kind'] == 'kill':
                tell(number, at, session(on).run({'kind': 'query', 'sql': f"{step['what']} {session(step['target']).id}"}))
                time.sleep(0.15)
            elif step['kind'] == 'load':
                path = f"{target['directory']}/load-{number}-{at}.txt"
                with open(path, 'wb') as file:
                    file.write(step['content'].encode('latin1'))
                tell(number, at, session(on).run({**step, 'sql': step['sql'].replace('FILE', path)}))
            else:
                tell(number, at, session(on).run(step))
        for one in sessions.values():
            one.close()


main()
