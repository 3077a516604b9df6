// gearmanode_worker.js HOST PORT PREFIX: works for the functions that ../README.md lists, until it is stopped.
// Its results are text: gearmanode encodes them as UTF-8.
'use strict';
const gearmanode = require('./quiet_gearmanode');
const { appendFileSync, existsSync } = require('fs');

const [host, port, prefix] = process.argv.slice(2);
const worker = gearmanode.worker({ host, port: Number(port), withUnique: true });
worker.on('error', lost);
worker.on('socketError', (server, error) => lost(error));
worker.on('socketDisconnect', () => lost(new Error('the server closed the connection')));

function lost(error) {
    console.error(`stopped: ${error.message}`);
    process.exit(1);
}

const functions = {
    reverse: (job) => job.workComplete(job.payload.toString().split('').reverse().join('')),
    nothing: (job) => job.workComplete(''),
    unique: (job) => job.workComplete(job.unique),
    fail: (job) => job.reportError(),
    throw: (job) => job.reportException('no ink'),
    report: (job) => {
        job.reportStatus(1, 2);
        job.reportWarning('careful');
        job.sendWorkData('first');
        job.workComplete('last');
    },
    note: (job) => {
        const [file, text] = job.payload.toString().split('\n');
        appendFileSync(file, text + '\n');
        job.workComplete('');
    },
    slow: (job) => {
        const gate = job.payload.toString();
        job.reportStatus(3, 4);
        const timer = setInterval(() => {
            if (existsSync(gate)) {
                clearInterval(timer);
                job.workComplete('done');
            }
        }, 5);
    },
};
worker.setWorkerId(`interop-${prefix}`);
for (const [name, callback] of Object.entries(functions)) {
    worker.addFunction(`${prefix}.${name}`, callback);
}
