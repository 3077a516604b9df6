// gearmanode_client.js HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY, or HOST PORT status HANDLE.
// How it is called and what it writes is told in ../README.md.
'use strict';
const gearmanode = require('./quiet_gearmanode');
const { readFileSync } = require('fs');

const [host, port, mode, name, priority, unique] = process.argv.slice(2);
const client = gearmanode.client({ host, port: Number(port) });
client.on('error', lost);
client.on('socketError', (server, error) => lost(error));
client.on('jobServerError', (server, code, text) => lost(new Error(`${code}: ${text}`)));

function lost(error) {
    console.error(`lost: ${error.message}`);
    process.exit(1);
}

function end(output, status) {
    process.stdout.write(output);
    process.exitCode = status;
    client.close();
}

if (mode === 'status') {
    // gearmanode asks only about jobs that this process submitted: it is told that this is one.
    const job = new gearmanode.Job(client, { name: 'stored', payload: '-', background: true });
    job.handle = name;
    job.jobServerUid = client.jobServers[0].getUid();
    client.jobs[job.getUid()] = job;
    job.on('status', (status) => {
        const fields = [status.known, status.running, status.percent_done_num, status.percent_done_den];
        end(fields.map(Number).join(' ') + '\n', 0);
    });
    job.getStatus();
} else {
    const options = { background: mode === 'background', priority: priority.toUpperCase() };
    if (unique) {
        options.unique = unique;
    }
    const submit = () => {
        const job = client.submitJob(name, readFileSync(0), options);
        job.on('created', () => options.background && end(job.handle + '\n', 0));
        job.on('status', (at) => console.error(`status ${at.percent_done_num}/${at.percent_done_den}`));
        job.on('warning', (warning) => console.error(`warning ${warning}`));
        job.on('workData', (data) => console.error(`data ${data}`));
        job.on('complete', () => end(job.response, 0));
        job.on('failed', () => {
            console.error('failed');
            end('', 1);
        });
        job.on('exception', (text) => {
            console.error(`exception ${text}`);
            end('', 1);
        });
        job.on('error', lost);
    };
    const server = client.jobServers[0];
    server.once('option', submit);
    server.setOption('exceptions');
}
