<?php
// The PHP runners' main program: see protocol.ts.
const PREPARATION = [
    'DROP DATABASE IF EXISTS conf',
    'DROP DATABASE IF EXISTS conf_b',
    'CREATE DATABASE conf CHARACTER SET utf8mb4',
    'CREATE DATABASE conf_b CHARACTER SET utf8mb4',
    'USE conf',
];

/** Bytes that are no UTF-8 are told in hexadecimal, long ones by their hash. */
function printable($value) {
    if (is_array($value)) return array_map('printable', $value);
    if (!is_string($value)) return is_float($value) ? 'float ' . var_export($value, true) : $value;
    if (strlen($value) > 2000) return strlen($value) . ' bytes ' . sha1($value);
    return preg_match('//u', $value) ? $value : 'hex ' . bin2hex($value);
}

function runCorpus($open) {
    global $argv;
    ini_set('memory_limit', '2G');
    error_reporting(E_ALL & ~E_WARNING & ~E_DEPRECATED);
    $scripts = json_decode(file_get_contents($argv[1]));
    $target = json_decode(file_get_contents($argv[2]));
    foreach ($scripts as $number => $script) {
        $port = $script->shared ? $target->sharedPort : $target->port;
        $sessions = [];
        $session = function ($name) use (&$sessions, $open, $target, $port) {
            return $sessions[$name] ??= $open($target, $port);
        };
        $tell = function ($step, $result) use ($number) {
            echo json_encode(['script' => $number, 'step' => $step, 'result' => printable($result)], JSON_UNESCAPED_UNICODE), "\n";
        };
        foreach (PREPARATION as $at => $sql) $tell($at - count(PREPARATION), $session('a')->run((object) ['kind' => 'query', 'sql' => $sql]));
        foreach ($script->steps as $at => $step) {
            $on = $step->on ?? 'a';
            if ($step->kind === 'settle') usleep($target->settleMs * 1000);
            elseif ($step->kind === 'kill') {
                $sql = $step->what . ' ' . $session($step->target)->id;
                $tell($at, $session($on)->run((object) ['kind' => 'query', 'sql' => $sql]));
                usleep(150000);
            } elseif ($step->kind === 'load') {
                $path = "$target->directory/load-$number-$at.txt";
                file_put_contents($path, iconv('UTF-8', 'ISO-8859-1', $step->content));
                $step->sql = str_replace('FILE', $path, $step->sql);
                $tell($at, $session($on)->run($step));
            } else $tell($at, $session($on)->run($step));
        }
        foreach ($sessions as $one) $one->close();
    }
}
