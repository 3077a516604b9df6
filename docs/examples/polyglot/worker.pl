# perl worker.pl: what worker.rb does, where Ruby's Gearman library is not to be had.
use strict;
use warnings;
use File::Basename 'basename';
use File::Path 'make_path';
use Gearman::Worker;
use JSON::PP 'decode_json';
use Time::HiRes 'sleep';

my @servers = split /,/, $ENV{JOB_SERVERS} // '127.0.0.1:4730';
my $pace = $ENV{PACE} // 1;
my $steps = 3;

my $worker = Gearman::Worker->new(job_servers => \@servers);
$worker->register_function(welcome => sub {
    my $job = shift;
    my $customer = decode_json($job->arg);
    for my $step (0 .. $steps - 1) {
        $job->set_status($step, $steps);
        sleep $pace;
    }
    make_path('outbox');
    # The same mail under the same name: a job that comes twice does no harm.
    open my $mail, '>:encoding(UTF-8)', 'outbox/' . basename($customer->{email}) or die $!;
    print $mail "Welcome, $customer->{name}!\n";
    close $mail or die $!;
    return 'sent';
});
$worker->work while 1;
