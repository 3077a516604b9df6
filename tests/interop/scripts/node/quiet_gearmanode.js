// gearmanode with its logs silenced: it was written for an older winston, and today's writes them to standard error.
'use strict';
const winston = require('winston');

winston.configure({ silent: true });
for (const name of ['Client', 'Job', 'JobServer', 'LBStrategy', 'Worker', 'protocol']) {
    winston.loggers.add(name, { silent: true });
}
module.exports = require('gearmanode');
