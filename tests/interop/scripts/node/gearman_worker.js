// gearman_worker.js HOST PORT PREFIX: works for the functions that ../README.md lists, until it is stopped.
'use strict';
const gearman = require('gearman');
const { appendFileSync, existsSync } = require('fs');

const [host, port, prefix] = process.argv.slice(2);
const worker = gearman(host, Number(port));

function lost(why) {
    console.error(`stopped: ${why}`);
    process.exit(1);
}

function complete(job, result) {
    worker.sendWorkComplete(job.handle, result);
    worker.grabUniqueJob();
}

const functions = {
    reverse: (job) => complete(job, Buffer.from(job.payload).reverse()),
    nothing: (job) => complete(job, ''),
    unique: (job) => complete(job, job.unique_id),
    fail: (job) => {
        worker.sendWorkFail(job.handle);
        worker.grabUniqueJob();
    },
    throw: (job) => {
        worker.sendWorkException(job.handle, 'no ink');
        worker.grabUniqueJob();
    },
    report: (job) => {
        worker.sendWorkStatus(job.handle, '1', '2');
        worker.sendWorkWarning(job.handle, 'careful');
        worker.sendWorkData(job.handle, 'first');
        complete(job, 'last');
    },
    note: (job) => {
        const [file, text] = job.payload.toString().split('\n');
        appendFileSync(file, text + '\n');
        complete(job, '');
    },
    slow: (job) => {
        const gate = job.payload.toString();
        worker.sendWorkStatus(job.handle, '3', '4');
        const timer = setInterval(() => {
            if (existsSync(gate)) {
                clearInterval(timer);
                complete(job, 'done');
            }
        }, 5);
    },
};

worker.on('error', (error) => lost(error.message));
worker.on('close', () => lost('the server closed the connection'));
worker.on('NOOP', () => worker.grabUniqueJob());
worker.on('NO_JOB', () => worker.preSleep());
worker.on('JOB_ASSIGN_UNIQ', (job) => functions[job.func_name.slice(prefix.length + 1)](job));
worker.connect(() => {
    worker.setWorkerId(`interop-${prefix}`);
    for (const name of Object.keys(functions)) {
        worker.addFunction(`${prefix}.${name}`);
    }
    worker.preSleep();
});
