#!/usr/bin/perl
# worker.pl HOST PORT PREFIX   works for the functions that README.md lists, until it is stopped.
use strict;
use warnings;
use Gearman::Worker;
use Time::HiRes 'sleep';

my ($host, $port, $prefix) = @ARGV;
my $worker = Gearman::Worker->new(job_servers => ["$host:$port"], client_id => "interop-$prefix");

$worker->register_function("$prefix.reverse" => sub { scalar reverse $_[0]->arg });
$worker->register_function("$prefix.nothing" => sub { return '' });
$worker->register_function("$prefix.fail" => sub { return });
$worker->register_function("$prefix.throw" => sub { $worker->send_work_exception($_[0], 'no ink'); return });
$worker->register_function(
    "$prefix.report" => sub {
        my $job = shift;
        $job->set_status(1, 2);
        $worker->send_work_warning($job, 'careful');
        $worker->send_work_data($job, 'first');
        return 'last';
    }
);
$worker->register_function(
    "$prefix.note" => sub {
        my ($file, $text) = split /\n/, $_[0]->arg;
        open my $out, '>>', $file or die "$file: $!";
        print $out "$text\n";
        close $out or die "$file: $!";
        return 'noted';
    }
);
my $slow = sub {
    my $job = shift;
    $job->set_status(3, 4);
    sleep 0.005 until -e $job->arg;
    return 'done';
};
$worker->register_function("$prefix.slow" => $slow);
$worker->register_function("$prefix.brief", 1000, $slow);
$worker->work while 1;
