<?php
// `php mysqli.php CORPUS TARGET`: PHP's mysqli (mysqlnd), with everything that it tells.
mysqli_report(MYSQLI_REPORT_OFF);
require __DIR__ . '/protocol.php';

const BYTES = ['tinyblob', 'mediumblob', 'longblob', 'blob', 'bit', 'geometry'];

function fields($result) {
    return array_map(fn($field) => [$field->catalog, $field->db, $field->orgtable, $field->table, $field->orgname, $field->name,
        $field->length, $field->charsetnr, $field->flags, $field->type, $field->decimals], $result->fetch_fields());
}

function warnings($connection) {
    $all = [];
    $warning = $connection->warning_count > 0 ? $connection->get_warnings() : false;
    if ($warning) do { $all[] = [$warning->errno, $warning->sqlstate, $warning->message]; } while ($warning->next());
    return $all;
}

class MysqliSession {
    private $connection;
    public $id;
    private $target;

    function __construct($target, $port) {
        $this->target = $target;
        $this->connection = mysqli_init();
        $this->connection->options(MYSQLI_OPT_LOCAL_INFILE, true);
        $this->connection->options(MYSQLI_OPT_INT_AND_FLOAT_NATIVE, true);
        @$this->connection->real_connect($target->host, $target->first->user, $target->first->password, null, $port);
        $this->connection->set_charset('utf8mb4');
        $this->id = $this->connection->thread_id;
    }

    private function counts($of) {
        return ['affected' => (string) $of->affected_rows, 'insertId' => (string) $of->insert_id, 'errno' => $of->errno, 'state' => $of->sqlstate, 'error' => $of->error];
    }

    private function query($sql) {
        $connection = $this->connection;
        $all = [];
        try {
            // multi_query() asks for COM_SET_OPTION first, which ties a session to the primary.
            if (str_contains($sql, ';')) $connection->multi_query($sql);
            else $connection->real_query($sql);
            do {
                $result = $connection->store_result();
                $one = $this->counts($connection) + ['info' => $connection->info, 'warningCount' => $connection->warning_count, 'fieldCount' => $connection->field_count];
                if ($result) {
                    $one += ['fields' => fields($result), 'rows' => $result->fetch_all(MYSQLI_NUM)];
                    $result->free();
                }
                $all[] = $one;
                if (count($all) > 1000) break;
            } while ($connection->more_results() && $connection->next_result());
            if ($connection->errno) $all[] = $this->counts($connection);
            $all['warnings'] = warnings($connection);
        } catch (\Throwable $error) {
            $all['thrown'] = $error->getMessage();
        }
        return $all;
    }

    private function execute($step) {
        $connection = $this->connection;
        $statement = @$connection->prepare($step->sql);
        if (!$statement) return $this->counts($connection);
        $all = [];
        try {
            foreach ($step->executions as $parameters) {
                if (isset($step->fetchRows)) {
                    $statement->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
                    $statement->attr_set(MYSQLI_STMT_ATTR_PREFETCH_ROWS, 1);
                }
                if (count($parameters) > 0 && count($parameters) === $statement->param_count) {
                    $types = '';
                    $values = [];
                    foreach ($parameters as $parameter) {
                        [$type, $values[]] = $this->value($parameter);
                        $types .= $type;
                    }
                    $statement->bind_param($types, ...$values);
                    if (!empty($step->longData)) {
                        foreach ($parameters as $at => $parameter) {
                            if (in_array($parameter->type, BYTES)) {
                                $bytes = hex2bin($parameter->value);
                                foreach (str_split($bytes, 40000) as $piece) if ($piece !== '') $statement->send_long_data($at, $piece);
                            }
                        }
                    }
                } elseif (count($parameters) !== $statement->param_count) {
                    $all[] = 'not bound';
                    continue;
                }
                @$statement->execute();
                do {
                    $result = isset($step->fetchRows) ? false : @$statement->get_result();
                    $one = $this->counts($statement) + ['warningCount' => $connection->warning_count, 'fieldCount' => $statement->field_count];
                    if ($result) $one += ['fields' => fields($result), 'rows' => $result->fetch_all(MYSQLI_NUM)];
                    elseif (isset($step->fetchRows) && $statement->field_count > 0 && !$statement->errno) $one += $this->fetched($statement);
                    $all[] = $one;
                } while ($statement->more_results() && $statement->next_result());
            }
            $statement->close();
            $all['warnings'] = warnings($connection);
        } catch (\Throwable $error) {
            $all['thrown'] = $error->getMessage();
        }
        return $all;
    }

    private function fetched($statement) {
        $metadata = $statement->result_metadata();
        $row = array_fill(0, $statement->field_count, null);
        $references = [];
        foreach ($row as $at => $_) $references[] = &$row[$at];
        $statement->bind_result(...$references);
        $rows = [];
        while ($statement->fetch()) $rows[] = array_map(fn($value) => $value, $row);
        return ['fields' => fields($metadata), 'rows' => $rows];
    }

    private function value($parameter) {
        $value = $parameter->value;
        if ($value === null) return ['s', null];
        if (in_array($parameter->type, BYTES)) return ['s', hex2bin($value)];
        if (preg_match('/^u?(tiny|short|int24|long)$|^(longlong|year)$/', $parameter->type)) return ['i', (int) $value];
        if (preg_match('/^(float|double)$/', $parameter->type)) return ['d', (float) $value];
        return ['s', $value];
    }

    function run($step) {
        $connection = $this->connection;
        switch ($step->kind) {
            case 'query':
            case 'load':
                return $this->query($step->sql);
            case 'execute':
                return in_array('mysqli', $step->hangs ?? []) ? ['skipped' => true] : $this->execute($step);
            case 'ping':
                return [@$connection->ping(), $this->counts($connection)];
            case 'useSchema':
                return [$connection->select_db($step->schema), $this->counts($connection)];
            case 'changeUser':
                $account = $step->account === 'second' ? $this->target->second : $this->target->first;
                $password = $step->account === 'wrong' ? 'wrong' : $account->password;
                try {
                    return [@$connection->change_user($account->user, $password, $step->schema ?? 'conf'), $this->counts($connection)];
                } catch (\Throwable $error) {
                    return ['thrown' => $error->getMessage()];
                }
            default:
                return ['skipped' => true];
        }
    }

    function close() {
        @$this->connection->close();
    }
}

runCorpus(fn($target, $port) => new MysqliSession($target, $port));
