// gearman_client.js HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY, or HOST PORT status HANDLE.
// How it is called and what it writes is told in ../README.md. npm's `gearman` gives a program the packets themselves.
'use strict';
const gearman = require('gearman');
const { readFileSync } = require('fs');

const [host, port, mode, name, priority, unique] = process.argv.slice(2);
const client = gearman(host, Number(port));

function lost(why) {
    console.error(`lost: ${why}`);
    process.exit(1);
}

function end(output, status) {
    process.stdout.write(output);
    process.exitCode = status;
    client.close();
}

client.on('error', (error) => lost(error.message));
client.on('ERROR', (code, text) => lost(`${code}: ${text}`));
client.on('STATUS_RES', (job) => {
    // The library reads the last field as one byte, not as digits.
    const denominator = String.fromCharCode(job.percent_done_den);
    end(`${job.known} ${job.running} ${job.percent_done_num} ${denominator}\n`, 0);
});
client.on('OPTION_RES', () => {
    const options = { background: mode === 'background', priority, unique_id: unique };
    client.submitJob(name, readFileSync(0), options);
});
client.on('JOB_CREATED', (handle) => mode === 'background' && end(handle + '\n', 0));
client.on('WORK_STATUS', (job) => console.error(`status ${job.percent_num}/${job.percent_den}`));
client.on('WORK_WARNING', (job) => console.error(`warning ${job.warning}`));
client.on('WORK_DATA', (job) => console.error(`data ${job.payload}`));
client.on('WORK_COMPLETE', (job) => end(job.payload, 0));
client.on('WORK_FAIL', () => {
    console.error('failed');
    end('', 1);
});
client.on('WORK_EXCEPTION', (job) => {
    console.error(`exception ${job.exception}`);
    end('', 1);
});

client.connect(() => (mode === 'status' ? client.getJobStatus(name) : client.setOption('exceptions')));
