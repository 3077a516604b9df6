<?php
// php client.php NAME EMAIL: asks for a welcome mail in the background, and prints the job's handle.
[, $name, $email] = $argv;

$client = new GearmanClient();
$client->addServers(getenv('JOB_SERVERS') ?: '127.0.0.1:4730');
$handle = $client->doBackground('welcome', json_encode(['name' => $name, 'email' => $email]));
if ($client->returnCode() !== GEARMAN_SUCCESS) {
    fwrite(STDERR, $client->error() . "\n");
    exit(1);
}
echo "$handle\n";
