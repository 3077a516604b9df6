<?php
// client.php HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY   the payload is read from standard input
// client.php HOST PORT status HANDLE                                prints "known running numerator denominator"
//
// The result, or the handle of a background job, goes to standard output; what the worker reports on its way goes to
// standard error, a line each. Ends with status 1 when the job fails.

[, $host, $port, $mode, $name] = $argv;
$client = new GearmanClient();
$client->addServer($host, (int) $port);

if ($mode === 'status') {
    [$known, $running, $numerator, $denominator] = $client->jobStatus($name);
    printf("%d %d %d %d\n", $known, $running, $numerator, $denominator);
    exit(0);
}

[, , , , , $priority, $unique] = $argv;
$unique = $unique === '' ? null : $unique;
$payload = stream_get_contents(STDIN);

if ($mode === 'background') {
    $submit = ['high' => 'doHighBackground', 'normal' => 'doBackground', 'low' => 'doLowBackground'][$priority];
    $handle = $client->$submit($name, $payload, $unique);
    if ($client->returnCode() !== GEARMAN_SUCCESS) {
        fwrite(STDERR, 'not accepted: ' . $client->error() . "\n");
        exit(1);
    }
    echo $handle, "\n";
    exit(0);
}

$failed = false;
$client->setExceptionCallback(function ($task) use (&$failed) {
    $failed = true;
    fwrite(STDERR, 'exception ' . $task->data() . "\n");
    return GEARMAN_SUCCESS;
});
$client->setFailCallback(function ($task) use (&$failed) {
    $failed = true;
    fwrite(STDERR, "failed\n");
    return GEARMAN_SUCCESS;
});
$client->setStatusCallback(function ($task) {
    fwrite(STDERR, "status {$task->taskNumerator()}/{$task->taskDenominator()}\n");
    return GEARMAN_SUCCESS;
});
$client->setWarningCallback(function ($task) {
    fwrite(STDERR, "warning {$task->data()}\n");
    return GEARMAN_SUCCESS;
});
$client->setDataCallback(function ($task) {
    fwrite(STDERR, "data {$task->data()}\n");
    return GEARMAN_SUCCESS;
});
$client->setCompleteCallback(function ($task) {
    echo $task->data();
    return GEARMAN_SUCCESS;
});
$add = ['high' => 'addTaskHigh', 'normal' => 'addTask', 'low' => 'addTaskLow'][$priority];
$context = null;
$client->$add($name, $payload, $context, $unique);
if (!@$client->runTasks() && !$failed) {
    fwrite(STDERR, 'lost: ' . $client->error() . "\n");
    exit(1);
}
exit($failed ? 1 : 0);
