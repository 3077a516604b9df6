<?php
// worker.php HOST PORT PREFIX   works for the functions that README.md lists, until it is stopped.

[, $host, $port, $prefix] = $argv;
$worker = new GearmanWorker();
$worker->addServer($host, (int) $port);
$worker->setId("interop-$prefix");

$worker->addFunction("$prefix.reverse", fn($job) => strrev($job->workload()));
$worker->addFunction("$prefix.nothing", fn($job) => '');
$worker->addFunction("$prefix.unique", fn($job) => $job->unique());
$worker->addFunction("$prefix.fail", function ($job) {
    $job->sendFail();
});
$worker->addFunction("$prefix.throw", function ($job) {
    $job->sendException('no ink');
});
$worker->addFunction("$prefix.report", function ($job) {
    $job->sendStatus(1, 2);
    $job->sendWarning('careful');
    $job->sendData('first');
    return 'last';
});
$worker->addFunction("$prefix.note", function ($job) {
    [$file, $text] = explode("\n", $job->workload());
    file_put_contents($file, "$text\n", FILE_APPEND);
});
$slow = function ($job) {
    $job->sendStatus(3, 4);
    while (!file_exists($job->workload())) {
        usleep(5000);
        clearstatcache();
    }
    return 'done';
};
$context = null;
$worker->addFunction("$prefix.slow", $slow);
$worker->addFunction("$prefix.brief", $slow, $context, 1000);

while ($worker->work()) {
    // One job a turn; a job that failed is no reason to stop.
    $code = $worker->returnCode();
    if (!in_array($code, [GEARMAN_SUCCESS, GEARMAN_WORK_FAIL, GEARMAN_WORK_EXCEPTION], true)) {
        fwrite(STDERR, $worker->error() . "\n");
        exit(1);
    }
}
fwrite(STDERR, 'stopped: ' . $worker->error() . "\n");
exit(1);
