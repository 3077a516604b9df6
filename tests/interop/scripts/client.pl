#!/usr/bin/perl
# client.pl HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY   the payload is read from standard input
# client.pl HOST PORT status HANDLE                                prints "known running numerator denominator"
#
# Standard output, standard error and exit status are as in client.php.
use strict;
use warnings;
use Gearman::Client;
use Gearman::Task;

my ($host, $port, $mode, $name, $priority, $unique) = @ARGV;
my $client = Gearman::Client->new(job_servers => ["$host:$port"], exceptions => 1);

if ($mode eq 'status') {
    # Gearman::Client's handles name the server too; what other clients stored does not.
    my $status = $client->get_status("$host:$port//$name") or die "no answer about $name\n";
    printf "%d %d %d %d\n", $status->known, $status->running, @{ $status->progress || [0, 0] };
    exit 0;
}

binmode STDIN;
binmode STDOUT;
my $payload = do { local $/; <STDIN> };
$payload = '' unless defined $payload;
my %options = (priority => $priority);
$options{uniq} = $unique if $unique ne '';

if ($mode eq 'background') {
    my $handle = $client->dispatch_background($name, \$payload, \%options) or die "not accepted\n";
    $handle =~ s{^.*//}{};
    print "$handle\n";
    exit 0;
}

my $failed = 0;
sub report { print STDERR join(' ', @_), "\n" }
$options{on_status}    = sub { report('status', "$_[0]/$_[1]") };
$options{on_warning}   = sub { report('warning', ${ $_[0] }) };
$options{on_data}      = sub { report('data', ${ $_[0] }) };
$options{on_exception} = sub { $failed = 1; report('exception', $_[0]) };
$options{on_fail}      = sub { $failed = 1; report('failed') };
$options{on_complete}  = sub { print ${ $_[0] } };
$client->do_task($name, \$payload, \%options);
exit $failed;
