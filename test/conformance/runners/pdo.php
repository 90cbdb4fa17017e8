<?php
// `php pdo.php CORPUS TARGET`: PHP's PDO, prepared statements in the binary protocol.
require __DIR__ . '/protocol.php';

class PdoSession {
    private $pdo;
    public $id = 0;

    function __construct($target, $port) {
        $this->pdo = new PDO("mysql:host=$target->host;port=$port;charset=utf8mb4", $target->first->user, $target->first->password, [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_SILENT,
            PDO::ATTR_EMULATE_PREPARES => false,
            PDO::MYSQL_ATTR_LOCAL_INFILE => true,
            PDO::MYSQL_ATTR_MULTI_STATEMENTS => true,
        ]);
    }

    private function results($statement) {
        $all = [];
        do {
            $count = $statement->columnCount();
            $one = ['rowCount' => $statement->rowCount(), 'columnCount' => $count, 'error' => $statement->errorInfo(), 'insertId' => $this->pdo->lastInsertId()];
            if ($count > 0) {
                $one['columns'] = array_map(fn($at) => $statement->getColumnMeta($at), range(0, $count - 1));
                $one['rows'] = $statement->fetchAll(PDO::FETCH_NUM);
            }
            $all[] = $one;
        } while (count($all) < 1000 && @$statement->nextRowset());
        $all['after'] = [$statement->errorInfo(), $this->pdo->getAttribute(PDO::ATTR_SERVER_VERSION) !== ''];
        $statement->closeCursor();
        return $all;
    }

    private function execute($step) {
        $statement = @$this->pdo->prepare($step->sql);
        if (!$statement) return $this->pdo->errorInfo();
        $all = [];
        foreach ($step->executions as $parameters) {
            foreach ($parameters as $at => $parameter) {
                $value = $parameter->value;
                if ($value === null) $type = PDO::PARAM_NULL;
                elseif (preg_match('/blob|bit|geometry/', $parameter->type)) {
                    $type = PDO::PARAM_LOB;
                    $value = hex2bin($value);
                } elseif (preg_match('/^u?(tiny|short|int24|long)$|^(longlong|year)$/', $parameter->type)) {
                    $type = PDO::PARAM_INT;
                    $value = (int) $value;
                } else $type = PDO::PARAM_STR;
                @$statement->bindValue($at + 1, $value, $type);
            }
            $all[] = @$statement->execute() ? $this->results($statement) : $statement->errorInfo();
        }
        return $all;
    }

    function run($step) {
        try {
            switch ($step->kind) {
                case 'query':
                case 'load':
                    $statement = @$this->pdo->query($step->sql);
                    return $statement ? $this->results($statement) : $this->pdo->errorInfo();
                case 'execute':
                    return $this->execute($step);
                default:
                    return ['skipped' => true];
            }
        } catch (\Throwable $error) {
            return ['thrown' => $error->getMessage()];
        }
    }

    function close() {
        $this->pdo = null;
    }
}

runCorpus(fn($target, $port) => new PdoSession($target, $port));
