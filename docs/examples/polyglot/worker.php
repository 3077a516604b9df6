<?php
// php worker.php: counts the words of a text, another function beside that of worker.rb.
$worker = new GearmanWorker();
$worker->addServers(getenv('JOB_SERVERS') ?: '127.0.0.1:4730');
$worker->addFunction('words', fn (GearmanJob $job) => (string) str_word_count($job->workload()));
while ($worker->work() || $worker->returnCode() === GEARMAN_WORK_FAIL);
fwrite(STDERR, $worker->error() . "\n"); // whoever started us starts us again
exit(1);
