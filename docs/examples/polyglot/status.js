// node status.js: a page on port 8000 (PORT) that shows what becomes of a job. It needs `npm install` first.
'use strict';
const http = require('http');
const gearman = require('gearman');

const [host, port] = (process.env.JOB_SERVERS || '127.0.0.1:4730').split(',')[0].split(':');
const client = gearman(host, Number(port));
const asked = new Map(); // by handle, those who wait for the answer

client.on('STATUS_RES', (job) => {
    // The library gives digits as text, and of the last number the first byte only: it has one digit here.
    const answer = Number(job.known)
        ? { state: Number(job.running) ? 'running' : 'waiting', step: Number(job.percent_done_num), of: Number(String.fromCharCode(job.percent_done_den)) }
        : { state: 'finished, or never was' };
    for (const tell of asked.get(job.handle) || []) tell(answer);
    asked.delete(job.handle);
});
client.on('close', () => process.exit(1)); // whoever started us starts us again

function statusOf(handle) {
    return new Promise((tell) => {
        asked.set(handle, [...(asked.get(handle) || []), tell]);
        client.getJobStatus(handle);
    });
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Job</title>
<h1>Job <code id="handle"></code></h1>
<p id="state" role="status">asking …</p>
<progress id="progress" max="1" value="0"></progress>
<script>
    const handle = new URLSearchParams(location.search).get('handle') || '';
    const show = (id, text) => { document.getElementById(id).textContent = text; };
    show('handle', handle);
    async function look() {
        const job = await (await fetch('/status?handle=' + encodeURIComponent(handle))).json();
        show('state', job.state);
        const over = job.step === undefined;
        document.getElementById('progress').value = over ? 1 : job.step / (job.of || 1);
        if (!over) setTimeout(look, 200);
    }
    look();
</script>
</html>`;

const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const handle = url.searchParams.get('handle') || '';
    if (url.pathname === '/status' && /^[\x21-\x7e]{1,63}$/.test(handle)) {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(await statusOf(handle)));
    } else if (url.pathname === '/') {
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        response.end(PAGE);
    } else {
        response.statusCode = 404;
        response.end();
    }
});
client.connect(() => server.listen(Number(process.env.PORT || 8000), process.env.LISTEN || '127.0.0.1', () => console.log('ready')));
